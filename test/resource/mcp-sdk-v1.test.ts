import { createRequire } from 'node:module';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import type { OAuthTokenVerifier } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import { bearerAuthChallengeResponse } from '@modelcontextprotocol/server';
import express from 'express';
import { describe, expect, test } from 'vitest';
import { BearerError, UnavailableError } from '../../src/resource/index.ts';
import type { McpTokenVerifier } from '../../src/resource/mcp.ts';
import { mcpSdkV1Verifier, type SdkErrorClasses, sdkError } from '../../src/resource/mcp-sdk-v1.ts';
import { testSigner } from '../support/keys.ts';
import { type Served, serve } from '../support/serve.ts';
import { answerStatus, forge, NOW, startHost, verifierOf } from './issuer.ts';

const METADATA_URL = 'https://mcp.example.test/.well-known/oauth-protected-resource/mcp';
const LASTING = { exp: 4_102_444_800 };

const require = createRequire(import.meta.url);
const commonJs = {
  errors: require('@modelcontextprotocol/sdk/server/auth/errors.js') as SdkErrorClasses,
  requireBearerAuth: require('@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js')
    .requireBearerAuth as typeof requireBearerAuth,
};

function startExpress(verifier: McpTokenVerifier, guard = requireBearerAuth): Promise<Served> {
  const sdkVerifier: OAuthTokenVerifier = verifier;
  const app = express();
  app.use(guard({ verifier: sdkVerifier, requiredScopes: ['mcp:read'], resourceMetadataUrl: METADATA_URL }));
  app.get('/', (request, response) => {
    response.json({ clientId: request.auth?.clientId, extra: request.auth?.extra });
  });
  return serve(() => ({ callback: () => app }));
}

const asking = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

const REFUSALS = [
  ['an unknown token', 'x', 401, 'invalid_token'],
  ['an expired token', forge({ claims: { exp: NOW - 60 } }), 401, 'invalid_token'],
  ['too little scope', forge({ claims: { ...LASTING, scope: 'mcp:list' } }), 403, 'insufficient_scope'],
] as const;

describe('the MCP SDK v1 in Express with this verifier', () => {
  test('takes a token in', async () => {
    using verifier = verifierOf([testSigner()]);
    await using served = await startExpress(mcpSdkV1Verifier(verifier));

    const response = await fetch(served.origin, asking(forge({ claims: LASTING })));

    expect(await response.json()).toMatchObject({ clientId: 'client-1', extra: { sub: 'user-1' } });
  });

  test.each(REFUSALS)('answers %s as its own errors', async (_title, token, status, error) => {
    using verifier = verifierOf([testSigner()]);
    await using served = await startExpress(mcpSdkV1Verifier(verifier));

    const response = await fetch(served.origin, asking(token));

    expect([response.status, await response.json()]).toEqual([
      status,
      { error, error_description: expect.any(String) },
    ]);
    expect(response.headers.get('www-authenticate')).toContain(`Bearer error="${error}"`);
  });

  test.each(REFUSALS)('answers %s in an application that loads it as CommonJS', async (_title, token, status) => {
    using verifier = verifierOf([testSigner()]);
    const sdkVerifier = mcpSdkV1Verifier(verifier, commonJs.errors);
    await using served = await startExpress(sdkVerifier, commonJs.requireBearerAuth);

    expect((await fetch(served.origin, asking(token))).status).toBe(status);
  });

  test('answers 500, and never 401, where the keys cannot be had', async () => {
    await using host = await startHost(answerStatus(500));
    using verifier = verifierOf([], { jwks: `${host.origin}/jwks.json` });
    await using served = await startExpress(mcpSdkV1Verifier(verifier));

    const response = await fetch(served.origin, asking(forge({ claims: LASTING })));

    expect([response.status, (await response.json()).error]).toEqual([500, 'server_error']);
  });
});

describe('the errors made for the SDK v1', () => {
  test.each([
    [new BearerError('invalid_token'), 401],
    [new BearerError(undefined), 401],
    [new BearerError('insufficient_scope', { requiredScopes: ['w'] }), 403],
    [new UnavailableError('keys'), 500],
  ])('%s is known to the SDK v2 too', (error, status) => {
    expect(bearerAuthChallengeResponse(sdkError(error)).status).toBe(status);
  });

  test('other errors stay what they are', () => {
    const bug = new RangeError('a bug');

    expect(sdkError(bug)).toBe(bug);
  });
});
