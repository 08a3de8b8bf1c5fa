import { request } from 'node:http';
import { describe, expect, test } from 'vitest';
import { type OriginCheckOptions, originCheck } from '../../src/resource/index.ts';
import { bearerGate } from '../../src/resource/mcp.ts';
import { testSigner } from '../support/keys.ts';
import { serve } from '../support/serve.ts';
import { RESOURCE, verifierOf } from './issuer.ts';

const LOCAL = 'http://localhost:4001/mcp';

const passes = (options: Partial<OriginCheckOptions>, headers: Record<string, string>): boolean =>
  originCheck({ resource: RESOURCE, ...options }).refusal(headers) === undefined;

describe('the Origin of a request', () => {
  const allowed = ['https://app.example.com', 'http://dev.example.com:8080', 'moz-extension://a1b2'];

  test.each([
    'https://mcp.example.test',
    'https://app.example.com',
    'https://app.example.com:443',
    'HTTPS://App.Example.com',
    'http://dev.example.com:8080',
    'moz-extension://A1B2',
  ])('may be %s where that is allowed [RS-40]', (origin) => {
    expect(passes({ allowed }, { origin })).toBe(true);
  });

  test.each([
    'https://evil.example',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://app.example.com.evil.example',
    'https://evil.example/https://app.example.com',
    'https://app.example.com/',
    'https://app.example.com@evil.example',
    'https://app.example.com, https://evil.example',
    'https://app.example.com https://evil.example',
    'http://localhost:6274',
    'moz-extension://other',
    'file://',
    'null',
    'app.example.com',
    '',
  ])('may not be "%s" [RS-40]', (origin) => {
    expect(originCheck({ resource: RESOURCE, allowed }).refusal({ origin })).toEqual({
      status: 403,
      headers: { 'Cache-Control': 'no-store' },
      body: { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'This origin is not allowed.' } },
    });
  });

  test('may be absent: clients that are no pages send none [RS-40]', () => {
    expect(passes({ allowed }, {})).toBe(true);
  });

  test.each(['http://localhost:6274', 'https://127.0.0.1', 'http://[::1]:1'])(
    'may be %s where the server is on this computer, or where that is asked for',
    (origin) => {
      const headers = { origin, host: 'localhost:4001' };

      expect(passes({ resource: LOCAL }, headers)).toBe(true);
      expect(passes({ allowed: ['loopback'] }, headers)).toBe(true);
      expect(passes({}, headers)).toBe(false);
    },
  );

  test.each(['http://localhost.evil.example', 'http://127.0.0.1.evil.example', 'chrome-extension://localhost', 'null'])(
    'may not be %s where the server is on this computer',
    (origin) => {
      expect(passes({ resource: LOCAL }, { origin, host: 'localhost:4001' })).toBe(false);
    },
  );

  test.each([['https://app.example.com/'], ['*'], ['null'], ['app.example.com']])(
    'may not be allowed as "%s"',
    (origin) => {
      expect(() => originCheck({ resource: RESOURCE, allowed: [origin] })).toThrow(TypeError);
    },
  );
});

describe('the Host of a request', () => {
  test.each(['localhost:4001', '127.0.0.1', '[::1]:4001', 'LOCALHOST'])(
    'may be %s where the server is on this computer',
    (host) => {
      expect(passes({ resource: LOCAL }, { host })).toBe(true);
    },
  );

  test.each(['evil.example', 'evil.example:4001', 'localhost.evil.example', 'localhost/evil', 'x@localhost', ''])(
    'may not be "%s" there: a page may have had its own name rebound to this computer',
    (host) => {
      expect(originCheck({ resource: LOCAL }).refusal({ host })?.body.error.message).toBe('This host is not allowed.');
    },
  );

  test('may not be missing there', () => {
    expect(passes({ resource: LOCAL }, {})).toBe(false);
  });

  test('is the business of a proxy elsewhere, unless names are given', () => {
    const hosts = ['mcp.internal', '[2001:db8::1]'];

    expect(passes({}, { host: 'pod-7.cluster.local' })).toBe(true);
    for (const host of ['mcp.internal:8080', 'mcp.example.test', '[2001:DB8::1]:80'])
      expect([host, passes({ hosts }, { host })]).toEqual([host, true]);
    for (const host of ['evil.example', 'localhost']) expect(passes({ hosts }, { host })).toBe(false);
  });

  test('of HTTP/2 is its authority', () => {
    expect(passes({ resource: LOCAL }, { ':authority': 'localhost:4001' })).toBe(true);
    expect(passes({ resource: LOCAL }, { ':authority': 'evil.example' })).toBe(false);
  });

  test.each(['a/b', 'a:80', ''])('may not be declared as "%s"', (host) => {
    expect(() => originCheck({ resource: RESOURCE, hosts: [host] })).toThrow(TypeError);
  });
});

describe('a request', () => {
  test('of the web is checked before its token, and by its URL where it names no host [RS-40]', async () => {
    const origins = originCheck({ resource: LOCAL });
    const gate = bearerGate({ verifier: verifierOf([testSigner()]) });
    const answer = async (url: string, headers: Record<string, string>) => {
      const asked = new Request(url, { method: 'POST', headers });
      return origins.gate(asked) ?? (await gate(asked));
    };

    const statuses = await Promise.all([
      answer('http://localhost:4001/mcp', { origin: 'https://evil.example' }),
      answer('http://evil.example:4001/mcp', {}),
      answer('http://localhost:4001/mcp', { origin: 'http://localhost:6274' }),
    ]);

    expect(statuses.map((one) => (one instanceof Response ? one.status : 'let in'))).toEqual([403, 403, 401]);
    expect(await (statuses[0] as Response).json()).toMatchObject({ jsonrpc: '2.0', id: null });
  });

  test('of node:http is checked by its headers, with every Origin it has', async () => {
    const origins = originCheck({ resource: LOCAL });
    await using served = await serve(() => ({
      callback: () => (incoming, outgoing) => {
        const refusal = origins.refusal(incoming.headers);
        outgoing.writeHead(refusal?.status ?? 200, refusal?.headers).end(JSON.stringify(refusal?.body ?? {}));
      },
    }));
    const ask = (headers: Record<string, string | string[]>) =>
      new Promise<number | undefined>((resolve, reject) => {
        request(`${served.origin}/mcp`, { headers }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode));
        })
          .on('error', reject)
          .end();
      });

    expect([
      await ask({}),
      await ask({ origin: 'http://localhost:6274' }),
      await ask({ origin: ['http://localhost:6274', 'https://evil.example'] }),
      await ask({ host: 'evil.example' }),
    ]).toEqual([200, 200, 403, 403]);
  });
});
