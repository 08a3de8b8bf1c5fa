import { describe, expect, test } from 'vitest';
import type { OriginCheckOptions } from '../../src/resource/index.ts';
import { testSigner } from '../support/keys.ts';
import { serve } from '../support/serve.ts';
import { type Sent, sendTo } from './adapter-contract.ts';
import { type Adapter, seeing } from './adapters.ts';
import { forge, RESOURCE, verifierOf } from './issuer.ts';

const PAGE = 'https://app.example.test';
const REFUSED = { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'This origin is not allowed.' } };

/** What every adapter's `allowOrigins` keeps. */
export function testOrigins(adapter: Adapter): void {
  async function start(options: Partial<OriginCheckOptions> = {}) {
    const origins = { resource: RESOURCE, allowed: [PAGE], ...options };
    const gate = { verifier: verifierOf([testSigner()]), scopes: ['mcp:read'], origins };
    const served = await serve(() => ({
      callback: () =>
        adapter.listen(
          gate,
          seeing(() => ({ inside: true })),
        ),
    }));
    return { ...served, send: (sent: Sent) => sendTo(served.origin, sent) };
  }
  const authorization = `Bearer ${forge()}`;

  describe('allowOrigins', () => {
    test.each([
      ['a good token', { authorization }, 200],
      ['no token', {}, 401],
    ])('lets an allowed page read the answer to a request with %s', async (_title, credentials, status) => {
      await using app = await start();

      const { message } = await app.send({ headers: { origin: PAGE, ...credentials } });

      expect([message.statusCode, message.headers]).toEqual([
        status,
        expect.objectContaining({
          vary: expect.stringContaining('Origin'),
          'access-control-allow-origin': PAGE,
          'access-control-expose-headers': expect.stringContaining('WWW-Authenticate'),
        }),
      ]);
    });

    test.each([
      ['another page', 'https://evil.example'],
      ['no page in particular', 'null'],
    ])('refuses %s before anything else, whatever token it has [RS-40]', async (_title, origin) => {
      await using app = await start();

      for (const headers of [{ origin }, { origin, authorization }]) {
        const { status, body, message } = await app.send({ headers });
        expect([status, body]).toEqual([403, REFUSED]);
        expect(message.headers['access-control-allow-origin']).toBeUndefined();
      }
    });

    test('lets clients that are no pages pass', async () => {
      await using app = await start();

      const { status, message } = await app.send({ headers: { authorization } });

      expect([status, message.headers['access-control-allow-origin']]).toEqual([200, undefined]);
      expect(message.headers.vary).toContain('Origin');
    });

    test.each([
      ['mcp-protocol-version, mcp-param-city', 'mcp-protocol-version, mcp-param-city'],
      ['what, is "this"', expect.stringContaining('MCP-Protocol-Version')],
    ])('answers a preflight that asks for %s', async (asked, granted) => {
      await using app = await start();
      const headers = {
        origin: PAGE,
        'access-control-request-method': 'POST',
        'access-control-request-headers': asked,
      };

      const { status, body, message } = await app.send({ method: 'OPTIONS', headers });

      expect([status, body]).toEqual([204, '']);
      expect(message.headers).toMatchObject({
        'access-control-allow-origin': PAGE,
        'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
        'access-control-allow-headers': granted,
      });
    });

    test('takes no other OPTIONS request for a preflight, and refuses those of other pages', async () => {
      await using app = await start();
      const preflight = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };

      expect((await app.send({ method: 'OPTIONS', headers: { origin: PAGE } })).status).toBe(401);
      expect((await app.send({ method: 'OPTIONS', headers: preflight })).status).toBe(403);
    });

    test('refuses a name that is not ours, where names are given', async () => {
      await using app = await start({ hosts: ['localhost'] });

      expect((await app.send({ headers: { authorization } })).status).toBe(200);
      expect((await app.send({ headers: { authorization, host: 'rebound.example' } })).status).toBe(403);
    });

    test('refuses what is no origin when it is made', async () => {
      await expect(start({ allowed: ['app.example.test/path'] })).rejects.toThrow(TypeError);
    });
  });
}
