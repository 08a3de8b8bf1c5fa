import type { OAuthTokenVerifier } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import { describe, expect, test } from 'vitest';
import { createPerson } from '../../examples/person.ts';
import { createVerifier } from '../../src/resource/index.ts';
import { mcpSdkV1Verifier } from '../../src/resource/mcp-sdk-v1.ts';
import { createClientMemory } from '../support/client-memory.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { type Connect, serveMcp, serveSdkProvider, V1, V2 } from '../support/mcp-sdk-world.ts';
import { createTeamProvider } from '../support/sdk-v1-provider.ts';

/** As docs/migration/README.md has it. */
function acceptBoth(issuer: string, ours: OAuthTokenVerifier, before: OAuthTokenVerifier): OAuthTokenVerifier {
  const issuerOf = (token: string): unknown => {
    try {
      return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).iss;
    } catch {
      return undefined;
    }
  };
  return {
    verifyAccessToken: (token) =>
      issuerOf(token) === issuer ? ours.verifyAccessToken(token) : before.verifyAccessToken(token),
  };
}

async function greeting(connect: Connect, url: URL, provider: unknown): Promise<string> {
  const connection = connect(url, provider);
  await connection.open();
  try {
    return JSON.stringify(await connection.greet());
  } finally {
    await connection.close();
  }
}

describe.each([V1, V2])('an MCP SDK $sdk client, when its server goes over to another issuer', ({ connect }) => {
  test('keeps its token, registers anew when that ends, and its person signs in once', async () => {
    await using before = await serveSdkProvider((issuer) => {
      const { provider, signIn: own } = createTeamProvider(issuer);
      return { provider, own };
    });
    await using after = await startGuardmint({ settings: { resources: [], defaultResource: undefined } });
    let issuers = [before.origin];
    let closeVerifier = () => {};
    await using mcp = await serveMcp(
      () => issuers,
      (resource) => {
        const verifier = createVerifier({ issuer: after.issuer, resource, revocations: false });
        closeVerifier = () => verifier.close();
        return acceptBoth(after.issuer, mcpSdkV1Verifier(verifier), before.sdk);
      },
    );
    const url = new URL(`${mcp.origin}/mcp`);
    const memory = createClientMemory();
    const first = connect(url, memory.provider);
    await expect(first.open()).rejects.toThrow(/unauthorized/i);
    const old = createPerson({ username: 'carol', password: 'pw' });
    await first.finish((await old.authorize(memory.location()?.href ?? '')).searchParams);
    const oldClient = memory.client().client_id;

    issuers = [after.issuer, before.origin];
    expect(await greeting(connect, url, memory.provider)).toContain('hello');
    expect(memory.client().client_id).toBe(oldClient);

    // A client that was started anew: it remembers its registration and tokens, not where it was told to go.
    memory.setTokens({ ...memory.tokens(), access_token: 'has ended' });
    memory.provider.saveDiscoveryState(undefined);
    const again = connect(url, memory.provider);
    await expect(again.open()).rejects.toThrow(/unauthorized/i);
    const location = memory.location();
    expect(location?.origin).toBe(after.issuer);
    expect(location?.searchParams.get('client_id')).not.toBe(oldClient);
    await again.finish((await after.person().authorize(location?.href ?? '')).searchParams);

    expect(await greeting(connect, url, memory.provider)).toContain('hello');
    expect(memory.tokens().access_token.split('.')).toHaveLength(3);
    closeVerifier();
  });
});
