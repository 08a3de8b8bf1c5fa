import { describe, expect, test } from 'vitest';
import type { MetadataOptions } from '../../src/resource/fetch.ts';
import { testSigner } from '../support/keys.ts';
import { type Served, serve } from '../support/serve.ts';
import { type Adapter, seeing } from './adapters.ts';
import { ISSUER, RESOURCE, verifierOf } from './issuer.ts';

const PATH = '/.well-known/oauth-protected-resource/mcp';
const ROOT = '/.well-known/oauth-protected-resource';
const OPTIONS = {
  resource: RESOURCE,
  authorizationServers: [ISSUER],
  scopesSupported: ['mcp:read'],
  resourceName: 'Files',
};
const DOCUMENT = {
  resource: RESOURCE,
  authorization_servers: [ISSUER],
  scopes_supported: ['mcp:read'],
  bearer_methods_supported: ['header'],
  resource_name: 'Files',
};

/** What every adapter's `protectedResourceMetadata` keeps. */
export function testMetadata(adapter: Adapter): void {
  async function start(
    options: Partial<MetadataOptions> = {},
  ): Promise<Served & { ask(path: string, init?: RequestInit): Promise<Response> }> {
    const gate = { verifier: verifierOf([testSigner()]), scopes: ['mcp:read'], metadata: { ...OPTIONS, ...options } };
    const served = await serve(() => ({
      callback: () =>
        adapter.listen(
          gate,
          seeing(() => ({})),
        ),
    }));
    return { ...served, ask: (path, init) => globalThis.fetch(served.origin + path, init) };
  }

  describe('protectedResourceMetadata', () => {
    test.each([PATH, ROOT, `${PATH}?tenant=1`])(
      'is served at %s without credentials, as configured [RS-01, RS-02, RS-03, RS-04, RS-07]',
      async (path) => {
        await using app = await start();

        const response = await app.ask(path, { headers: { 'x-forwarded-host': 'evil.example' } });

        expect(await response.json()).toEqual(DOCUMENT);
        expect(Object.fromEntries(response.headers)).toMatchObject({
          'content-type': 'application/json',
          'access-control-allow-origin': '*',
          'access-control-expose-headers': expect.stringContaining('WWW-Authenticate'),
          'cache-control': 'public, max-age=300',
        });
      },
    );

    test('is served with the query that belongs to a resource, and with no other', async () => {
      await using app = await start({ resource: `${RESOURCE}?tenant=1`, atRoot: false });

      const paths = [`${PATH}?tenant=1`, `${PATH}?tenant=2`, PATH];

      expect(await Promise.all(paths.map(async (path) => (await app.ask(path)).status))).toEqual([200, 401, 401]);
    });

    test('is not served at the root of an origin with several resources', async () => {
      await using app = await start({ atRoot: false });

      expect([(await app.ask(ROOT)).status, (await app.ask(PATH)).status]).toEqual([401, 200]);
    });

    test.each(['/.well-known/oauth-protected-resource/other', `${PATH}/deeper`, '/mcp', '/'])(
      'leaves %s to others',
      async (path) => {
        await using app = await start();

        expect((await app.ask(path)).status).toBe(401);
      },
    );

    test('answers HEAD like GET without a body', async () => {
      await using app = await start();

      const response = await app.ask(PATH, { method: 'HEAD' });

      const { status, headers } = response;
      expect([status, headers.get('content-type'), await response.text()]).toEqual([200, 'application/json', '']);
    });

    test('answers the preflight of a browser client', async () => {
      await using app = await start();

      const response = await app.ask(PATH, {
        method: 'OPTIONS',
        headers: { 'access-control-request-headers': 'mcp-protocol-version' },
      });

      expect([response.status, await response.text()]).toEqual([204, '']);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET, HEAD, OPTIONS',
        'access-control-allow-headers': expect.stringContaining('MCP-Protocol-Version'),
      });
    });

    test.each(['POST', 'PUT', 'DELETE'])('answers 405 to %s', async (method) => {
      await using app = await start();

      const response = await app.ask(PATH, { method });

      expect([response.status, response.headers.get('allow'), await response.text()]).toEqual([
        405,
        'GET, HEAD, OPTIONS',
        '',
      ]);
    });

    test.each([
      ['offline_access', { scopesSupported: ['mcp:read', 'offline_access'] }],
      ['a scope that is none', { scopesSupported: ['two words'] }],
      ['no authorization server', { authorizationServers: [] }],
      ['a resource that is no URL', { resource: 'mcp' }],
    ])('refuses %s when it is made [RS-08]', async (_title, change) => {
      await expect(start(change)).rejects.toThrow(TypeError);
    });
  });
}
