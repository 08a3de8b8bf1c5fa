import { connect } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { startGuardmint } from '../support/guardmint.ts';

const server = await startGuardmint({
  settings: { clients: [{ client_id: 'app', redirect_uris: ['https://app.example/cb'] }] },
});
afterAll(() => server[Symbol.asyncDispose]());
const port = Number(new URL(server.issuer).port);

/** Sends exactly these bytes and reads until the server closes. */
function raw(text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', () => resolve(answer));
  });
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
const get = (target: string, headers = '') =>
  raw(`GET ${target} HTTP/1.1\r\nHost: localhost:${port}\r\n${headers}Connection: close\r\n\r\n`);
const metadataAt = '/.well-known/oauth-authorization-server';

describe('metadata', () => {
  test('names the configured issuer, whatever the request says of itself [AS-MD-04, AS-13]', async () => {
    const lies = 'X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nForwarded: host=evil.example\r\n';
    const answers = [
      await get(metadataAt, lies),
      await raw(`GET ${metadataAt} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`),
      await get(`http://evil.example${metadataAt}`),
    ];
    for (const answer of answers) {
      expect(statusOf(answer)).toBe(200);
      expect(answer).toContain(`"issuer":"${server.issuer}"`);
      expect(answer).not.toContain('evil.example');
    }
  });

  test('is not there in a form that would have to be OpenID Connect [AS-MD-02]', async () => {
    for (const path of ['/.well-known/openid-configuration', '/.well-known/openid-configuration/']) {
      expect(statusOf(await get(path))).toBe(404);
    }
  });

  test('advertises endpoints that exist [AS-MD-05]', async () => {
    const metadata = (await (await fetch(server.issuer + metadataAt)).json()) as Record<string, unknown>;
    const endpoints = Object.entries(metadata).filter(([name]) => /_endpoint$|_uri$/.test(name));
    expect(endpoints.length).toBeGreaterThanOrEqual(5);
    for (const [name, url] of endpoints) {
      const response = await fetch(String(url), { redirect: 'manual' });
      await response.body?.cancel();
      expect({ name, isThere: response.status !== 404 }).toEqual({ name, isThere: true });
    }
  });

  test('is answered with 304 to who has it, and to HEAD without a body', async () => {
    const first = await fetch(server.issuer + metadataAt);
    const etag = first.headers.get('etag') ?? '';
    const second = await fetch(server.issuer + metadataAt, { headers: { 'if-none-match': etag } });
    const head = await fetch(server.issuer + metadataAt, { method: 'HEAD' });
    expect([first.status, second.status, head.status, await head.text()]).toEqual([200, 304, 200, '']);
  });

  test('may be read by scripts of any origin, preflight included [AS-MD-02]', async () => {
    for (const path of [metadataAt, '/.well-known/jwks.json']) {
      const preflight = await fetch(server.issuer + path, {
        method: 'OPTIONS',
        headers: {
          origin: 'https://a.example',
          'access-control-request-method': 'GET',
          'access-control-request-headers': 'mcp-protocol-version',
        },
      });
      expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    }
  });
});

describe('the JWK Set', () => {
  test('holds public signing keys only, each with kid, alg and use [AS-MD-08, AS-MD-11]', async () => {
    const { keys } = (await (await fetch(`${server.issuer}/.well-known/jwks.json`)).json()) as {
      keys: Record<string, unknown>[];
    };
    expect(keys.length).toBeGreaterThanOrEqual(2);
    expect(new Set(keys.map((key) => key['kid'])).size).toBe(keys.length);
    for (const key of keys) {
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
      expect([key['use'], key['alg']]).toEqual(['sig', 'ES256']);
    }
  });
});

describe('an address that is none of ours', () => {
  test.each([
    '//token',
    '/token/',
    '/TOKEN',
    '/Token',
    '/token%2f',
    '/token;x',
    '/./token',
    '/a/../token',
    '/token.json',
    `${metadataAt}/`,
    `/${metadataAt}`,
    `${metadataAt}%2f`,
    '/.well-known/',
    '/keys/signing-ES256-1.json',
    '/data/guardmint.db',
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/.git/config',
    '/.env',
  ])('%s is not found, and is no alias [AS-HT-16, AS-MD-14, AS-MD-15, AS-MD-16]', async (target) => {
    const posted = await raw(
      `POST ${target} HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    for (const answer of [await get(target), posted]) {
      expect(statusOf(answer)).toBe(404);
      expect(answer).not.toContain('root:');
    }
  });
});

describe('a request that is not HTTP as it should be', () => {
  test('has a length and chunks: it is refused and the connection closed [AS-HT-01]', async () => {
    const answer = await raw(
      `POST /token HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/x-www-form-urlencoded\r\n` +
        'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n',
    );
    expect(statusOf(answer)).toBe(400);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  test('has 17 kB of headers: 431 [AS-HT-06]', async () => {
    expect(statusOf(await get(metadataAt, `X-Long: ${'x'.repeat(17_000)}\r\n`))).toBe(431);
  });

  test('has a hundred headers, or a method override: it is answered as what it is [AS-HT-07, AS-HT-17]', async () => {
    const many = Array.from({ length: 101 }, (_, index) => `X-${index}: ${'y'.repeat(90)}\r\n`).join('');
    expect([200, 431]).toContain(statusOf(await get(metadataAt, many)));
    expect(statusOf(await get('/token', 'X-HTTP-Method-Override: POST\r\n'))).toBe(405);
  });

  test('names its target absolutely, at another host: the same routes answer [AS-HT-14]', async () => {
    expect(statusOf(await get('http://evil.example/token'))).toBe(405);
  });

  test('has a body in a coding we do not read: it is refused, never unpacked without bound', async () => {
    const answer = await server.post('/token', 'x', { 'content-encoding': 'compress' });
    expect(answer.status).toBe(400);
    expect(answer.body['error']).toBe('invalid_request');
  });
});

describe('a dependency that is down', () => {
  test('never blames the client: 503 with Retry-After, and documents go on [AS-RV-18]', async () => {
    const { UnavailableError } = await import('../../src/oauth/index.ts');
    const { createMemoryStore } = await import('../../src/store/memory/index.ts');
    let isDown = false;
    const failing = <T extends object>(port: T): T =>
      new Proxy(port, {
        get: (target, name) => {
          const method = Reflect.get(target, name) as unknown;
          if (typeof method !== 'function') return method;
          return (...args: unknown[]) => {
            if (isDown && name !== 'watch') return Promise.reject(new UnavailableError('store'));
            return Reflect.apply(method, target, args) as unknown;
          };
        },
      });
    await using own = await startGuardmint({
      store: (clock) => {
        const store = createMemoryStore({ clock });
        return {
          ...store,
          oneTime: failing(store.oneTime),
          refreshFamilies: failing(store.refreshFamilies),
          denylist: failing(store.denylist),
        };
      },
    });
    const granted = await own.grant();
    const { exchange } = await own.authorize();
    const refresh = { grant_type: 'refresh_token', refresh_token: granted.refresh_token, client_id: granted.clientId };
    isDown = true;
    for (const [path, form] of [
      ['/token', exchange],
      ['/token', refresh],
      ['/revoke', { client_id: granted.clientId, token: granted.refresh_token }],
      ['/revoke', { client_id: granted.clientId, token: granted.access_token }],
    ] as const) {
      const answer = await own.post(path, form);
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(answer.body).toEqual({
        error: 'temporarily_unavailable',
        error_description: 'The service cannot answer right now. Try again later.',
      });
    }
    for (const path of [metadataAt, '/.well-known/jwks.json'])
      expect((await fetch(own.issuer + path)).status).toBe(200);
    isDown = false;
    expect((await own.post('/token', exchange)).status).toBe(200);
    expect((await own.post('/token', refresh)).status).toBe(200);
  });
});
