import { Hono } from 'hono';
import { describe, expect, test, vi } from 'vitest';
import * as forFetch from '../../../src/resource/fetch.ts';
import * as forHono from '../../../src/resource/hono.ts';
import { testSigner } from '../../support/keys.ts';
import { forge, RESOURCE, verifierOf } from '../issuer.ts';

vi.mock('../../../src/resource/runtime/node-module.ts', () => ({
  nodeModule: () => undefined,
  isProcess: () => false,
}));

const request = (token?: string) =>
  new Request(RESOURCE, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });

describe('where a runtime has no AsyncLocalStorage', () => {
  test('a gate around a fetch handler lets in, refuses, and knows the token by its request', async () => {
    const handler = forFetch.protect(
      (asked: Request) => Response.json([forFetch.getAccessToken(asked)?.jti, forFetch.getAuthInfo(asked)?.clientId]),
      forFetch.bearerAuth({ verifier: verifierOf([testSigner()]) }),
      forFetch.requireScopes('mcp:read'),
    );

    const statuses = [request(), request('x'), request(forge({ claims: { scope: '' } }))].map(
      async (asked) => (await handler(asked)).status,
    );

    expect(await Promise.all(statuses)).toEqual([401, 401, 403]);
    expect(await (await handler(request(forge()))).json()).toEqual(['jti-1', 'client-1']);
  });

  test('a gate in Hono does, and knows the token as a variable', async () => {
    const app = new Hono<forHono.AuthEnv>();
    app.use(forHono.bearerAuth({ verifier: verifierOf([testSigner()]) }), forHono.requireScopes('mcp:read'));
    app.get('/mcp', (c) => c.json([c.get('accessToken')?.jti]));

    expect((await app.fetch(request())).status).toBe(401);
    expect(await (await app.fetch(request(forge()))).json()).toEqual(['jti-1']);
  });

  test('whoever asks for the token of no request in particular is told how to get it, and not that there is nobody', () => {
    expect(() => forFetch.getAccessToken()).toThrow('no AsyncLocalStorage');
  });
});
