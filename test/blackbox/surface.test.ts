import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/oauth/index.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { expectSound, jsonError, page, proceeds } from './expectations.ts';
import { observe, type Row, runTable } from './runner.ts';
import { encode, exchange, parseAnswer, send } from './wire.ts';
import {
  authorizationRequest,
  authorizeRequest,
  basic,
  encodeParameters,
  FORM,
  openWorld,
  postForm,
  postJson,
} from './world.ts';

const world = await openWorld();

const METADATA = '/.well-known/oauth-authorization-server';
const JWKS = '/.well-known/jwks.json';
const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'SEARCH',
  'LINK',
  'PURGE',
];

/** Every endpoint, with what `Allow` says there and whether scripts of other origins may call it. */
const ENDPOINTS = [
  { path: '/authorize', allow: ['GET', 'HEAD', 'POST'], isCrossOrigin: false },
  { path: '/token', allow: ['POST', 'OPTIONS'], isCrossOrigin: true },
  { path: '/register', allow: ['POST', 'OPTIONS'], isCrossOrigin: true },
  { path: '/revoke', allow: ['POST', 'OPTIONS'], isCrossOrigin: true },
  { path: METADATA, allow: ['GET', 'HEAD', 'OPTIONS'], isCrossOrigin: true },
  { path: JWKS, allow: ['GET', 'HEAD', 'OPTIONS'], isCrossOrigin: true },
  { path: '/revocations', allow: ['GET', 'HEAD', 'OPTIONS'], isCrossOrigin: true },
  { path: '/revocations/stream', allow: ['GET', 'HEAD', 'OPTIONS'], isCrossOrigin: true },
];

describe('a method an endpoint does not have', () => {
  runTable(
    world,
    ENDPOINTS.flatMap(({ path, allow, isCrossOrigin }) =>
      METHODS.filter((method) => !allow.includes(method)).map(
        (method): Row => ({
          title: `is refused: ${method} ${path}${path === '/token' && method === 'PATCH' ? ' [AS-TK-04]' : ''}`,
          request: () => ({
            method,
            target: `${path}?grant_type=authorization_code`,
            headers: [['Origin', 'https://a.example']],
          }),
          expect: (observed) => {
            const { answer, reasons } = observed;
            if (method === 'HEAD') {
              expect(reasons).toEqual(['method_not_allowed']);
              expect(answer.status).toBe(405);
              expect(answer.text).toBe('');
            } else jsonError('method_not_allowed')(observed);
            expect(answer.header('allow')).toBe(allow.join(', '));
            expect(answer.header('access-control-allow-origin')).toBe(isCrossOrigin ? '*' : undefined);
          },
        }),
      ),
    ),
  );

  test('is not smuggled in by a header or a parameter [AS-HT-17]', async () => {
    const form = encodeParameters({ grant_type: 'refresh_token', client_id: world.publicClient.client_id });
    for (const name of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override']) {
      const request = { target: `/token?_method=POST&${form}`, headers: [[name, 'POST']] as const };
      jsonError('method_not_allowed', { allow: 'POST, OPTIONS' })(await observe(world, request));
    }
  });
});

describe('scripts of other origins', () => {
  const preflight = (path: string, method: string) => ({
    method: 'OPTIONS',
    target: path,
    headers: [
      ['Origin', 'https://app.example'],
      ['Access-Control-Request-Method', method],
      ['Access-Control-Request-Headers', 'authorization,content-type,mcp-protocol-version'],
    ] as const,
  });

  runTable(
    world,
    ENDPOINTS.filter(({ isCrossOrigin }) => isCrossOrigin).map(
      ({ path, allow }): Row => ({
        title: `are told what they may ask of ${path}${path === '/token' ? ' [AS-TK-38]' : ''}`,
        request: () => preflight(path, allow[0] ?? ''),
        expect: ({ answer, reasons }) => {
          expect(reasons).toEqual([]);
          expect(answer.status).toBe(204);
          expect(answer.header('access-control-allow-origin')).toBe('*');
          expect(answer.header('access-control-allow-methods')).toBe(allow.join(','));
          expect(answer.header('access-control-max-age')).toBe('600');
          const allowed = answer.header('access-control-allow-headers')?.toLowerCase().split(',');
          expect(allowed).toEqual(expect.arrayContaining(['authorization', 'content-type', 'mcp-protocol-version']));
          expect(answer.text).toBe('');
        },
      }),
    ),
  );

  test('get nothing from /authorize and the pages, not even the refusal of a preflight [AS-AZ-58, AS-AZ-59]', async () => {
    for (const path of ['/authorize', '/interaction/continue', '/interaction/sign-in', '/interaction/consent']) {
      for (const request of [
        preflight(path, 'POST'),
        { target: path, headers: [['Origin', 'https://app.example']] as const },
      ]) {
        const observed = await observe(world, request);
        expectSound(observed);
        expect(observed.answer.status).toBeGreaterThanOrEqual(400);
        const names = [...observed.answer.headers.keys()].filter((name) => name.startsWith('access-control-'));
        expect(names).toEqual([]);
      }
    }
  });

  test('read the refusals of the endpoints they may call', async () => {
    const origin = [['Origin', 'null']] as const;
    for (const request of [
      postForm('/token', '', { headers: origin }),
      postForm('/revoke', '', { headers: origin }),
      { ...postJson('/register', '[]'), headers: [['Content-Type', 'application/json'], ...origin] as const },
    ]) {
      const { answer } = await observe(world, request);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.header('access-control-allow-origin')).toBe('*');
      expect(answer.header('access-control-expose-headers')).toContain('WWW-Authenticate');
    }
  });
});

describe('a Host header', () => {
  const HOSTS = [
    'evil.example',
    'evil.example:99999',
    'a b',
    '',
    '"',
    '[',
    '[::1',
    'localhost/x',
    'user@evil.example',
    'evil.example?x',
    '%00',
    'localhost\\@evil.example',
  ];

  test.each(HOSTS)('that says %j changes nothing', async (host) => {
    const headers = [['Host', host]] as const;
    const metadata = await observe(world, { target: METADATA, headers });
    expectSound(metadata);
    expect((metadata.answer.json() as JsonObject)['issuer']).toBe(world.issuer);

    const started = await observe(world, {
      ...authorizeRequest(world),
      headers: [...headers, ['Accept', 'text/html']],
    });
    proceeds(started);
    const location = new URL(started.answer.header('location') ?? '');
    const next = await observe(world, { target: location.pathname + location.search, headers });
    expectSound(next);
    expect(next.answer.header('location')).toMatch(/^\/interaction\/sign-in\?request=/);
    const signIn = await observe(world, { target: next.answer.header('location') ?? '', headers });
    expectSound(signIn);
    expect(signIn.answer.status).toBe(200);
    expect(signIn.answer.text).not.toContain('evil.example');

    const refused = await observe(world, {
      target: '/interaction/consent',
      headers: [...headers, ['Accept', 'text/html']],
    });
    page('interaction_expired')(refused);
  });

  test('that is missing is no HTTP/1.1', async () => {
    const answer = parseAnswer(await exchange(world.issuer, Buffer.from(`GET ${METADATA} HTTP/1.1\r\n\r\n`)));
    expect(answer.status).toBe(400);
  });
});

describe('what a proxy would say', () => {
  const LIES = [
    ['X-Forwarded-Host', 'evil.example'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Port', '1'],
    ['X-Forwarded-Prefix', '/evil'],
    ['X-Forwarded-For', '6.6.6.6'],
    ['X-Forwarded-Server', 'evil.example'],
    ['X-Original-URL', '/register'],
    ['X-Rewrite-URL', '/register'],
    ['X-Real-IP', '6.6.6.6'],
    ['Forwarded', 'for=6.6.6.6;host=evil.example;proto=https'],
    ['True-Client-IP', '6.6.6.6'],
    ['X-Original-Host', 'evil.example'],
  ] as const;

  test.each(LIES)('in %s changes neither issuer nor destination nor address [AS-MD-04]', async (name, value) => {
    const headers = [[name, value]] as const;
    const metadata = await observe(world, { target: METADATA, headers });
    const plain = await observe(world, { target: METADATA });
    expect(metadata.answer.text).toBe(plain.answer.text);
    proceeds(await observe(world, { ...authorizeRequest(world), headers: [...headers, ['Accept', 'text/html']] }));
    const before = world.server.lines.length;
    const refused = await observe(world, postForm('/token', '', { headers }));
    jsonError('client_missing')(refused);
    const lines = world.server.lines.slice(before).join('');
    expect(lines).not.toMatch(/evil\.example|6\.6\.6\.6/);
  });

  test('is believed of as many proxies as are configured, and not of more', async () => {
    await using behind = await startGuardmint({ settings: { trustProxy: 1 } });
    const addressOf = async (forwarded: string) => {
      const before = behind.lines.length;
      await send(behind.issuer, {
        target: METADATA,
        headers: [
          ['X-Forwarded-For', forwarded],
          ['X-Forwarded-Host', 'evil.example'],
        ],
      });
      return (JSON.parse(behind.lines.slice(before).at(-1) ?? '{}') as JsonObject)['address'];
    };
    expect(await addressOf('6.6.6.6, 192.0.2.7')).toBe('192.0.2.7');
    expect(await addressOf('192.0.2.8')).toBe('192.0.2.8');
    const answer = await send(behind.issuer, {
      target: METADATA,
      headers: [
        ['X-Forwarded-Host', 'evil.example'],
        ['X-Forwarded-Proto', 'https'],
      ],
    });
    expect((answer.json() as JsonObject)['issuer']).toBe(behind.issuer);
    expect(answer.text).not.toContain('evil.example');
  });
});

describe('a header given twice', () => {
  const right = basic(world.basicClient.client_id, world.basicClient.client_secret);
  const wrong = basic(world.basicClient.client_id, 'wrong');
  const form = encodeParameters({ grant_type: 'refresh_token', refresh_token: 'x' });
  const both = (name: string, one: string, other: string) =>
    postForm('/token', form, {
      headers: [
        [name, one],
        [name, other],
      ],
    });

  runTable(world, [
    ...[
      ['Authorization', right, wrong],
      ['Authorization', wrong, right],
      ['Authorization', right, right],
      ['authorization', right, ''],
      ['Content-Type', FORM, 'application/json'],
      ['Content-Type', 'application/json', FORM],
      ['Content-Encoding', 'identity', 'gzip'],
    ].map(
      ([name = '', one = '', other = '']): Row => ({
        title: `is refused: ${name} ${[one, other].map((value) => (value === right ? 'right' : value === wrong ? 'wrong' : value)).join(', ')}`,
        request: () => both(name, one, other),
        expect: jsonError('header_repeated'),
      }),
    ),
    {
      title: 'is refused: Host',
      request: () =>
        postForm('/token', form, {
          headers: [
            ['Host', 'localhost'],
            ['Host', 'evil.example'],
          ],
        }),
      expect: jsonError('header_repeated'),
    },
    {
      title: 'is refused for a person with a page',
      request: () => ({
        ...authorizeRequest(world),
        headers: [
          ['Host', 'a'],
          ['Host', 'b'],
          ['Accept', 'text/html'],
        ],
      }),
      expect: page('header_repeated'),
    },
    {
      title: 'is no matter where it says nothing: Accept, X-Forwarded-For, Cookie',
      request: () => ({
        target: METADATA,
        headers: ['Accept', 'X-Forwarded-For', 'Cookie'].flatMap((name) => [
          [name, 'a=1'] as const,
          [name, 'b=2'] as const,
        ]),
      }),
      expect: ({ answer }) => expect(answer.status).toBe(200),
    },
  ]);
});

describe('a request target', () => {
  test.each([
    ['absolute, at another host', 'http://evil.example/token', 405],
    ['absolute, with TLS', 'https://evil.example/token', 405],
    ['absolute, with a port', 'http://evil.example:1/token', 405],
    ['absolute, at another address', 'http://evil.example/nothing', 404],
    ['that is an asterisk', '*', 404],
    ['that is an authority', 'evil.example:443', 400],
    ['that is another scheme', 'ftp://evil.example/token', 405],
    ['with a fragment', `${METADATA}#x`, 200],
    ['with two question marks', `${METADATA}??`, 200],
    ['with a bad escape', '/%', 404],
    ['with bytes beyond ASCII', '/\u00ff', 400],
    ['with NUL escaped', '/token%00', 404],
    ['with a line break escaped', '/token%0d%0aX: 1', 400],
    ['with a backslash', '\\token', 400],
    ['with an upper-case well-known', '/.WELL-KNOWN/oauth-authorization-server', 404],
    ['below the metadata', `${METADATA}/tenant`, 404],
    ['of twelve thousand characters', `/${'a'.repeat(12_000)}`, 404],
  ])('%s is answered and no alias [AS-HT-14]', async (_, target, status) => {
    const answer = await send(world.issuer, { target });
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(/evil\.example|root:|node:internal/);
    expect(answer.headers.get('location')).toBeUndefined();
  });

  test('of an absolute form carries its query along', async () => {
    const query = encodeParameters(authorizationRequest(world.publicClient));
    proceeds(
      await observe(world, { target: `http://evil.example/authorize?${query}`, headers: [['Accept', 'text/html']] }),
    );
  });

  test('for a page, in absolute form, finds its request', async () => {
    const started = await observe(world, authorizeRequest(world));
    const location = new URL(started.answer.header('location') ?? '');
    const observed = await observe(world, { target: `http://evil.example${location.pathname}${location.search}` });
    expectSound(observed);
    expect(observed.answer.status).toBe(303);
    expect(observed.answer.header('location')).toMatch(/^\/interaction\/sign-in\?/);
  });
});

describe('bytes that are no HTTP', () => {
  const form = 'grant_type=x';
  const head = (headers: string) =>
    `POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${FORM}\r\n${headers}\r\n`;
  const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';

  test.each([
    ['a length and chunks', `${head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\n${SMUGGLED}`],
    ['chunks and a length', `${head('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n')}0\r\n\r\n${SMUGGLED}`],
    ['two lengths', `${head('Content-Length: 12\r\nContent-Length: 0\r\n')}${form}${SMUGGLED}`],
    ['two lengths in one', `${head('Content-Length: 12, 0\r\n')}${form}${SMUGGLED}`],
    ['a negative length', `${head('Content-Length: -1\r\n')}${form}`],
    ['a signed length', `${head('Content-Length: +12\r\n')}${form}`],
    ['a length in hexadecimal', `${head('Content-Length: 0xc\r\n')}${form}`],
    ['a length with a space in it', `${head('Content-Length: 1 2\r\n')}${form}`],
    ['a transfer coding nobody knows', `${head('Transfer-Encoding: xchunked\r\n')}0\r\n\r\n`],
    ['chunks that are not last', `${head('Transfer-Encoding: chunked, identity\r\n')}0\r\n\r\n`],
    ['a space before the colon', `${head('Transfer-Encoding : chunked\r\n')}0\r\n\r\n`],
    ['a folded header', `${head('X-A: 1\r\n 2\r\n')}`],
    ['a header without a name', head(': x\r\n')],
    ['a header without a colon', head('nonsense\r\n')],
    ['NUL in a header', head('X-A: a\0b\r\n')],
    ['a bare line feed', `GET ${METADATA} HTTP/1.1\nHost: localhost\n\n`],
    ['a bare carriage return in a header', head('X-A: a\rX-B: b\r\n')],
    ['a chunk size that is none', `${head('Transfer-Encoding: chunked\r\n')}zz\r\nabc\r\n0\r\n\r\n`],
    [
      'a chunk size beyond all bounds',
      `${head('Transfer-Encoding: chunked\r\n')}ffffffffffffffffff\r\nabc\r\n0\r\n\r\n`,
    ],
    ['HTTP/3.7', `GET ${METADATA} HTTP/3.7\r\nHost: localhost\r\n\r\n`],
    ['a method nobody knows', `STEAL ${METADATA} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
    ['a method in lower case', `get ${METADATA} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
    ['a space in the target', `GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n`],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['nothing but lines', '\r\n\r\n\r\nX\r\n\r\n'],
  ])('%s: refused, and the connection is closed [AS-HT-01]', async (_, bytes) => {
    const answer = (await exchange(world.issuer, Buffer.from(bytes, 'latin1'))).toString('latin1');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
    expect(answer).toContain('Connection: close');
  });

  test('two requests on one connection are two answers, in their order', async () => {
    const one = encode(world.issuer, { target: METADATA, headers: [['Connection', 'keep-alive']] });
    const two = encode(world.issuer, {
      ...postForm('/token', ''),
      headers: [
        ['Content-Type', FORM],
        ['Connection', 'close'],
      ],
    });
    const answers = (await exchange(world.issuer, Buffer.concat([one, two]))).toString('latin1');
    expect(answers.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  });

  test('a form in chunks is a form', async () => {
    const tokens = await world.tokens();
    const body = encodeParameters(tokens.form);
    const middle = Math.floor(body.length / 2);
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
    const bytes = `${head('Transfer-Encoding: chunked\r\nConnection: close\r\n')}${chunk(body.slice(0, middle))}${chunk(body.slice(middle))}0\r\n\r\n`;
    expect(parseAnswer(await exchange(world.issuer, Buffer.from(bytes))).status).toBe(200);
  });

  test('what follows a body is another request, and none that counts', async () => {
    const bytes = `${head('Content-Length: 3\r\n')}a=1${form}`;
    const answers = (await exchange(world.issuer, Buffer.from(`${bytes}\r\n\r\n`))).toString('latin1');
    expect(new Set(answers.match(/HTTP\/1\.1 \d{3}/g))).toEqual(new Set(['HTTP/1.1 400']));
  });

  test('a body without end in chunks is cut off at the limit', async () => {
    const chunks = `10000\r\n${'a'.repeat(65_536)}\r\n`.repeat(2);
    const answer = parseAnswer(
      await exchange(
        world.issuer,
        Buffer.from(`${head('Transfer-Encoding: chunked\r\nConnection: close\r\n')}${chunks}0\r\n\r\n`),
      ),
    );
    expect(answer.status).toBe(413);
    expect(answer.json()).toEqual({ error: 'invalid_request', error_description: 'The request body is too large.' });
  });
});

describe('the size of a body', () => {
  const padded = (length: number) => `grant_type=x&a=${'a'.repeat(length - 15)}`;
  runTable(world, [
    {
      title: 'of 65,536 bytes is read',
      request: () => postForm('/token', padded(65_536)),
      expect: jsonError('client_missing'),
    },
    {
      title: 'of 65,537 bytes is not',
      request: () => postForm('/token', padded(65_537)),
      expect: jsonError('body_too_large'),
    },
    {
      title: 'of a megabyte and one is not [AS-TK-32]',
      request: () => postForm('/token', `a=${'a'.repeat(1_048_577)}`),
      expect: jsonError('body_too_large'),
    },
    {
      title: 'with a code of a megabyte is not [AS-CD-16]',
      request: () => postForm('/token', { code: 'A'.repeat(1_048_576) }),
      expect: jsonError('body_too_large'),
    },
    {
      title: 'of a megabyte is not read by /revoke',
      request: () => postForm('/revoke', { token: 'A'.repeat(1_048_576) }),
      expect: jsonError('body_too_large'),
    },
    {
      title: 'of a megabyte is not read by /authorize',
      request: () => ({
        ...postForm('/authorize', { state: 'A'.repeat(1_048_576) }),
        headers: [
          ['Content-Type', FORM],
          ['Accept', 'text/html'],
        ],
      }),
      expect: page('body_too_large'),
    },
    {
      title: 'of ten thousand parameters is read',
      request: () =>
        postForm(
          '/token',
          Array.from({ length: 9_000 }, (_, index) => `p${index}=`)
            .join('&')
            .slice(0, 65_000),
        ),
      expect: jsonError('client_missing'),
    },
  ]);
});

describe('what caches and browsers are told', () => {
  test('documents may be kept and are the same by any spelling of their tag [AS-MD-08]', async () => {
    for (const target of [METADATA, JWKS]) {
      const first = await send(world.issuer, { target });
      const etag = first.header('etag') ?? '';
      expect(etag).toMatch(/^"[\w-]+"$/);
      expect(first.header('cache-control')).toMatch(/^public, max-age=\d+/);
      expect(first.header('content-type')).toBe('application/json; charset=utf-8');
      for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const again = await send(world.issuer, { target, headers: [['If-None-Match', tag]] });
        expect([again.status, again.text, again.header('etag')]).toEqual([304, '', etag]);
      }
      for (const tag of ['"other"', etag.slice(1, -1), '']) {
        expect((await send(world.issuer, { target, headers: [['If-None-Match', tag]] })).status).toBe(200);
      }
    }
  });

  test('the metadata is exactly this [AS-MD-05, AS-10, AS-14, AS-15, AS-17]', async () => {
    const { issuer } = world;
    const answer = await send(issuer, { target: METADATA });
    expect(answer.json()).toEqual(await (await fetch(`${issuer}${METADATA}`)).json());
    expect(answer.json()).toMatchObject({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      registration_endpoint: `${issuer}/register`,
      revocation_endpoint: `${issuer}/revoke`,
      jwks_uri: `${issuer}${JWKS}`,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      revocation_endpoint_auth_methods_supported: [
        'none',
        'client_secret_basic',
        'client_secret_post',
        'private_key_jwt',
      ],
      token_endpoint_auth_signing_alg_values_supported: expect.arrayContaining(['ES256', 'EdDSA', 'RS256', 'PS256']),
      revocation_endpoint_auth_signing_alg_values_supported: expect.not.arrayContaining(['none']),
      scopes_supported: ['mcp:read', 'mcp:write', 'admin', 'calc:use', 'offline_access'],
    });
  });
});

describe('the page an authorization request leads to', () => {
  test('cannot be framed and tells no referrer [AS-AZ-62, AS-AZ-63, AS-AZ-64, AS-31]', async () => {
    const query = encodeParameters(authorizationRequest(world.publicClient));
    const { status, headers } = await world.server.person().open(`${world.issuer}/authorize?${query}`);
    expect(status).toBe(200);
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('what is published', () => {
  test('are the public halves of signing keys, and nothing of the others [AS-MD-08, AS-MD-11]', async () => {
    const { keys } = (await send(world.issuer, { target: JWKS })).json() as { keys: JsonObject[] };
    expect(keys.length).toBeGreaterThanOrEqual(2);
    expect(new Set(keys.map((key) => key['kid'])).size).toBe(keys.length);
    for (const key of keys) {
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
      expect([key['use'], key['alg']]).toEqual(['sig', 'ES256']);
    }
    const secret = world.server.guardmint.keys.list().filter((key) => key.family !== 'signing');
    expect(secret.length).toBeGreaterThanOrEqual(3);
    expect(keys.map((key) => key['kid'])).not.toEqual(expect.arrayContaining([secret[0]?.kid]));
  });
});

describe('an address that is none of ours', () => {
  const ids = new Map([
    ['//token', ' [AS-HT-16]'],
    ['/.well-known//oauth-authorization-server', ' [AS-MD-14]'],
    ['/.well-known/%2e%2e/%2e%2e/etc/passwd', ' [AS-MD-15]'],
    ['/keys/', ' [AS-MD-16]'],
    ['/.well-known/openid-configuration', ' [AS-MD-02]'],
  ]);
  const targets = [
    ...ids.keys(),
    '/token/',
    '/TOKEN',
    '/Token',
    '/token%2f',
    '/token;x',
    '/./token',
    '/a/../token',
    '/token.json',
    '/%74oken',
    `${METADATA}/`,
    `/${METADATA}`,
    `${METADATA}%2f`,
    '/.well-known/openid-configuration/',
    '/.well-known/',
    '/keys/signing-ES256-1.json',
    '/data/guardmint.db',
    '/data/users.json',
    '/guardmint.json',
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/.git/config',
    '/.env',
    '/livez',
    '/readyz',
    '/metrics',
  ];
  runTable(
    world,
    targets.flatMap((target) => [
      {
        title: `is not found: GET ${target}${ids.get(target) ?? ''}`,
        request: () => ({ target }),
        expect: jsonError('not_found'),
      },
      { title: `is not found: POST ${target}`, request: () => postForm(target, ''), expect: jsonError('not_found') },
    ]),
  );
});
