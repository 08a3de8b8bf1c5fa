import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { REJECTIONS } from '../../src/oauth/index.ts';
import { REDIRECT, RESOURCE, startGuardmint } from '../support/guardmint.ts';
import { pkcePair } from '../support/pkce.ts';

const server = await startGuardmint();
afterAll(() => server[Symbol.asyncDispose]());
const { client_id } = await server.register();
const granted = await server.grant();
const { challenge, verifier } = pkcePair();

const PATHS = [
  '/authorize',
  '/token',
  '/register',
  '/revoke',
  '/.well-known/oauth-authorization-server',
  '/.well-known/jwks.json',
  '/interaction/continue',
  '/interaction/sign-in',
  '/interaction/consent',
  '/interaction/sign-out',
];

const WIRE = new Set(Object.values(REJECTIONS).map((row) => `${row.status} ${row.error} ${row.description}`));

/** What every answer must be, whatever was sent. */
async function expectSound(response: Response): Promise<void> {
  const text = await response.text();
  expect(response.status, text).toBeLessThan(500);
  expect(text).not.toMatch(/\bat [\w.]+ \(|node:internal|\/src\/|ERR_[A-Z]|SyntaxError|TypeError/);
  const location = response.headers.get('location');
  if (location !== null)
    expect(location).toMatch(/^(http:\/\/localhost:\d+)?\/interaction\/|^http:\/\/127\.0\.0\.1:7777\/callback\?/);
  if (text !== '' && response.status >= 400 && response.headers.get('content-type')?.includes('json') === true) {
    const { error, error_description } = JSON.parse(text) as Record<string, string>;
    expect(WIRE).toContain(`${response.status} ${error} ${error_description}`);
  }
}

const headerValue = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 200,
});
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 100 }),
  fc.constantFrom(
    '',
    'null',
    '[]',
    '{}',
    '__proto__',
    'constructor',
    '%',
    '%00',
    '\u0000',
    '\r\n',
    '../..',
    "' OR 1=1 --",
    '{"a":',
    REDIRECT,
    RESOURCE,
    client_id,
    granted.access_token,
    granted.refresh_token,
  ),
);
const name = fc.oneof(
  fc.constantFrom(
    'client_id',
    'client_secret',
    'redirect_uri',
    'response_type',
    'scope',
    'state',
    'code',
    'code_verifier',
    'code_challenge',
    'code_challenge_method',
    'resource',
    'grant_type',
    'refresh_token',
    'token',
    'token_type_hint',
    'prompt',
    'max_age',
    'request',
    'username',
    'password',
    'decision',
    'form',
  ),
  anyText,
);
const parameters = fc.array(fc.tuple(name, anyText), { maxLength: 14 });
const headers = fc.record(
  {
    accept: fc.constantFrom('*/*', 'text/html', 'application/json', 'nonsense;;;'),
    authorization: fc.oneof(
      headerValue,
      headerValue.map((text) => `Basic ${text}`),
      anyText.map((text) => `Basic ${Buffer.from(text).toString('base64')}`),
    ),
    'content-type': fc.constantFrom(
      'application/x-www-form-urlencoded',
      'application/json',
      'text/plain',
      'multipart/form-data',
      'application/x-www-form-urlencoded; charset=nonsense',
      ';',
    ),
    'content-encoding': fc.constantFrom('gzip', 'br', 'nonsense', 'identity'),
    cookie: headerValue,
    origin: fc.constantFrom('null', 'https://evil.example', server.issuer),
    'sec-fetch-site': fc.constantFrom('same-origin', 'cross-site', 'none'),
    'accept-language': headerValue,
    'if-none-match': headerValue,
  },
  { requiredKeys: [] },
);
const body = fc.oneof(
  parameters.map((pairs) => new URLSearchParams(pairs).toString()),
  anyText,
  fc.json(),
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);

function send(
  path: string,
  method: string,
  pairs: readonly [string, string][],
  more: Record<string, string>,
  text: string,
) {
  const query = pairs.length === 0 ? '' : `?${new URLSearchParams(pairs as [string, string][])}`;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  return fetch(`${server.issuer}${path}${query}`.slice(0, 12_000), {
    method,
    headers: more,
    redirect: 'manual',
    signal: AbortSignal.timeout(10_000),
    ...(hasBody && { body: text }),
  });
}

describe('whatever is sent', () => {
  test.each(PATHS)('to %s gets an answer of the table', async (path) => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
        parameters,
        headers,
        body,
        async (method, pairs, more, text) =>
          expectSound(await send(path, method, pairs, more as Record<string, string>, text)),
      ),
      { numRuns: 120 },
    );
  });

  const valid: Record<string, Record<string, string>> = {
    '/authorize': {
      response_type: 'code',
      client_id,
      redirect_uri: REDIRECT,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      scope: 'mcp:read',
      state: 's',
      resource: RESOURCE,
    },
    '/token': {
      grant_type: 'refresh_token',
      client_id,
      refresh_token: granted.refresh_token,
      code_verifier: verifier,
      scope: 'mcp:read',
    },
    '/revoke': { client_id, token: granted.refresh_token },
  };

  test.each(Object.keys(valid))('to %s, one step from a good request, gets an answer of the table', async (path) => {
    const good = Object.entries(valid[path] ?? {});
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), anyText, fc.boolean(), async (index, value, isRepeated) => {
        const pairs = good.map(([key, text], at): [string, string] => [
          key,
          at === index && !isRepeated ? value : text,
        ]);
        if (isRepeated) pairs.push([good[index]?.[0] ?? '', value]);
        const isQuery = path === '/authorize';
        const form = { 'content-type': 'application/x-www-form-urlencoded' };
        await expectSound(
          isQuery
            ? await send(path, 'GET', pairs, { accept: 'text/html' }, '')
            : await send(path, 'POST', [], form, new URLSearchParams(pairs).toString()),
        );
      }),
      { numRuns: 200 },
    );
  });

  test('to /register, as JSON of any shape, gets 201 or an answer of the table [AS-HT-23]', async () => {
    const member = fc.oneof(fc.jsonValue(), fc.constant([REDIRECT]), fc.constant('none'));
    const metadata = fc.dictionary(
      fc.constantFrom(
        'redirect_uris',
        'client_name',
        'grant_types',
        'response_types',
        'token_endpoint_auth_method',
        'scope',
        'contacts',
        'jwks',
        'jwks_uri',
        'logo_uri',
        'application_type',
        'software_statement',
        '__proto__',
        'x',
      ),
      member,
    );
    await fc.assert(
      fc.asyncProperty(metadata, async (value) => {
        await expectSound(
          await send('/register', 'POST', [], { 'content-type': 'application/json' }, JSON.stringify(value)),
        );
      }),
      { numRuns: 300 },
    );
  });
});
