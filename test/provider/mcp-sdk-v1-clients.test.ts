import { DemoInMemoryAuthProvider } from '@modelcontextprotocol/sdk/examples/server/demoInMemoryOAuthProvider.js';
import { ProxyOAuthServerProvider } from '@modelcontextprotocol/sdk/server/auth/providers/proxyProvider.js';
import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import { createPerson } from '../../examples/person.ts';
import { createAuthRoutes } from '../../src/endpoints/index.ts';
import { createClientMemory } from '../support/client-memory.ts';
import { createForeignProvider } from '../support/foreign-provider.ts';
import { type Connect, serveMcp, serveSdkProvider, V1, V2 } from '../support/mcp-sdk-world.ts';
import { createTeamProvider } from '../support/sdk-v1-provider.ts';
import { serve } from '../support/serve.ts';

/** From the first 401 to the tokens. Answers where the browser was sent with the code. */
async function signIn(connect: Connect, url: URL, memory: ReturnType<typeof createClientMemory>) {
  const first = connect(url, memory.provider);
  await expect(first.open()).rejects.toThrow(/unauthorized/i);
  const person = createPerson({ username: 'carol', password: 'pw' });
  const redirect = await person.authorize(memory.location()?.href ?? '');
  await first.finish(redirect.searchParams);
  return { redirect, person };
}

async function greeting(connect: Connect, url: URL, memory: ReturnType<typeof createClientMemory>) {
  const connection = connect(url, memory.provider);
  await connection.open();
  try {
    return JSON.stringify(await connection.greet());
  } finally {
    await connection.close();
  }
}

const revoke = (issuer: string, form: Record<string, string>) =>
  fetch(`${issuer}/revoke`, { method: 'POST', body: new URLSearchParams(form) });

describe.each([V1, V2])('an MCP SDK $sdk client of a provider of the MCP SDK v1 behind our routes', ({ connect }) => {
  test('signs in on the page the provider writes, calls, refreshes, and is out when its token is revoked', async () => {
    await using auth = await serveSdkProvider((issuer) => {
      const { provider, signIn: own } = createTeamProvider(issuer);
      return { provider, own };
    });
    await using mcp = await serveMcp(
      () => [auth.origin],
      () => auth.sdk,
    );
    const url = new URL(`${mcp.origin}/mcp`);
    const memory = createClientMemory();

    const { redirect } = await signIn(connect, url, memory);
    expect(redirect.searchParams.get('iss')).toBe(auth.origin);
    expect(memory.tokens()).toMatchObject({ token_type: 'Bearer', scope: 'notes' });
    expect(await greeting(connect, url, memory)).toContain('the team says hello');

    const before = memory.tokens();
    memory.setTokens({ ...before, access_token: 'no longer good' });
    expect(await greeting(connect, url, memory)).toContain('hello');
    expect(memory.tokens().refresh_token).not.toBe(before.refresh_token);

    const { client_id } = memory.client();
    const { access_token, refresh_token } = memory.tokens();
    expect((await revoke(auth.origin, { client_id, token: refresh_token })).status).toBe(200);
    await expect(auth.sdk.verifyAccessToken(access_token)).rejects.toThrow();
    await expect(greeting(connect, url, memory)).rejects.toThrow(/unauthorized/i);
  });

  test('signs in at the demo provider of the SDK, which only redirects and sets a cookie', async () => {
    await using auth = await serveSdkProvider(() => ({ provider: new DemoInMemoryAuthProvider() }));
    await using mcp = await serveMcp(
      () => [auth.origin],
      () => auth.sdk,
    );
    const url = new URL(`${mcp.origin}/mcp`);
    const memory = createClientMemory();

    const { redirect, person } = await signIn(connect, url, memory);

    expect(redirect.searchParams.get('iss')).toBe(auth.origin);
    expect(decodeURIComponent(person.cookies.get('demo_session') ?? '')).toContain('"userId":"demo_user"');
    expect(await greeting(connect, url, memory)).toContain('hello');
    expect(memory.tokens().refresh_token).toBeUndefined();
  });
});

test('the proxy provider of the SDK passes codes, verifiers and refresh tokens on to the server behind it', async () => {
  await using upstream = await serve((issuerUrl) => {
    const provider = createForeignProvider(issuerUrl);
    const options = { clientRegistrationOptions: { enabled: true }, revocationOptions: { enabled: true } };
    return new Koa().use(createAuthRoutes({ provider, issuerUrl, ...options }).routes());
  });
  const registered = new Map<string, never>();
  const proxy = new ProxyOAuthServerProvider({
    endpoints: {
      authorizationUrl: `${upstream.origin}/authorize`,
      tokenUrl: `${upstream.origin}/token`,
      registrationUrl: `${upstream.origin}/register`,
      revocationUrl: `${upstream.origin}/revoke`,
    },
    verifyAccessToken: async (token) => ({ token, clientId: 'any', scopes: ['notes'], expiresAt: 4_102_444_800 }),
    getClient: async (clientId) => registered.get(clientId),
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (String(input).endsWith('/register')) {
        const client = (await response.clone().json()) as { client_id: string };
        registered.set(client.client_id, client as never);
      }
      return response;
    },
  });
  await using auth = await serveSdkProvider(() => ({ provider: proxy }), { namesIssuer: false });
  await using mcp = await serveMcp(
    () => [auth.origin],
    () => auth.sdk,
  );
  const url = new URL(`${mcp.origin}/mcp`);
  const memory = createClientMemory();

  const metadata = await (await fetch(`${auth.origin}/.well-known/oauth-authorization-server`)).json();
  expect(metadata).not.toHaveProperty('authorization_response_iss_parameter_supported');

  const first = V1.connect(url, memory.provider);
  await expect(first.open()).rejects.toThrow(/unauthorized/i);
  const person = createPerson({ username: 'x', password: 'x' });
  const toUpstream = await person.authorize(memory.location()?.href ?? '');
  expect(toUpstream.origin).toBe(upstream.origin);
  const redirect = await person.authorize(toUpstream.href);
  await first.finish(redirect.searchParams);

  const { refresh_token } = memory.tokens();
  memory.setTokens({ ...memory.tokens(), access_token: '' });
  const { client_id } = memory.client();
  const form = new URLSearchParams({ grant_type: 'refresh_token', client_id, refresh_token });
  const refreshed = await (await fetch(`${auth.origin}/token`, { method: 'POST', body: form })).json();
  expect(refreshed).toMatchObject({ token_type: 'Bearer', refresh_token: expect.any(String) });
  expect((await revoke(auth.origin, { client_id, token: refreshed.refresh_token })).status).toBe(200);
  const again = new URLSearchParams({ grant_type: 'refresh_token', client_id, refresh_token: refreshed.refresh_token });
  expect((await fetch(`${upstream.origin}/token`, { method: 'POST', body: again })).status).toBe(400);
});
