import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/oauth/index.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { expectSound, jsonError, page, registered } from './expectations.ts';
import { observe, type Row, runTable } from './runner.ts';
import { authorizeRequest, openWorld, postForm, postJson } from './world.ts';

const world = await openWorld();

const METADATA = {
  redirect_uris: ['https://client.example/cb'],
  client_name: 'X',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};
// biome-ignore lint/suspicious/noTemplateCurlyInString: it must not be read as one
const TEMPLATE = '${7*7}{{7*7}}<%=7*7%>';
const register = (change: JsonObject) => postJson('/register', { ...METADATA, ...change });

const echoes = (expected: JsonObject) => registered((body) => expect(body).toMatchObject(expected));
const omits = (...names: readonly string[]) =>
  registered((body) => expect(names.filter((name) => name in body)).toEqual([]));

type Refused = readonly [value: unknown, ids?: string];

const REDIRECT_URIS: readonly Refused[] = [
  ['javascript:alert(1)', '[AS-RG-03]'],
  [' javascript:alert(1)', '[AS-RG-05]'],
  ['java\nscript:alert(1)', '[AS-RG-06]'],
  ['\u0001javascript:alert(1)', '[AS-RG-07]'],
  ['data:text/html,x', '[AS-RG-08]'],
  ['vbscript:x', '[AS-RG-09]'],
  ['file:///etc/passwd', '[AS-RG-10]'],
  ['http://client.example/cb', '[AS-RG-11]'],
  ['http://localhost.evil.example/cb', '[AS-RG-12]'],
  ['https://*.example/cb', '[AS-RG-14]'],
  ['https://client.example/*', '[AS-RG-15]'],
  ['https://client.example\\@evil.example', '[AS-RG-18]'],
  ['https://', '[AS-RG-21]'],
  ['ftp://client.example/cb', '[AS-RG-24]'],
  ['ws://client.example/cb', '[AS-RG-25]'],
  ['https://[::1', '[AS-RG-28]'],
  // variations
  ['JAVASCRIPT:alert(1)'],
  ['javascript://client.example/%0aalert(1)'],
  ['jar:https://client.example!/'],
  ['blob:https://client.example/x'],
  ['about:blank'],
  ['view-source:https://client.example'],
  ['wss://client.example/cb'],
  ['ldap://client.example/cb'],
  ['mailto:x@client.example'],
  ['tel:+1'],
  ['sms:+1'],
  ['intent://client.example/#Intent;end'],
  ['ms-settings:x'],
  ['chrome://settings'],
  ['urn:ietf:wg:oauth:2.0:oob'],
  ['https:client.example/cb'],
  ['https:/client.example/cb'],
  ['https:///client.example/cb'],
  ['//client.example/cb'],
  ['/cb'],
  ['cb'],
  [''],
  [' '],
  ['https://client.example/cb#fragment'],
  ['https://client.example/cb#'],
  ['https://user@client.example/cb'],
  ['https://user:password@client.example/cb'],
  ['https://client.example:99999/cb'],
  ['https://client.example:/cb'],
  ['https://client.example:0443/cb'],
  ['https://client.example /cb'],
  ['https://client.example/a b'],
  ['https://client.example/\u0000'],
  ['https://client.example/%00'],
  ['https://client.example/%0d%0aX:1'],
  ['https://client.example/%zz'],
  ['https://client.example/../cb'],
  ['https://client.example/%2e%2e/cb'],
  ['https://client.example/cb?code=1'],
  ['https://client.example/cb?state=1'],
  ['https://client.example/cb?iss=1'],
  ['https://client.example/cb?error=1'],
  ['https://cl\u0456ent.example/cb'],
  ['https://client\u3002example/cb'],
  ['https://127.1/cb'],
  ['https://0x7f000001/cb'],
  ['http://127.0.0.1.evil.example/cb'],
  ['http://127.0.0.2/cb'],
  ['http://0.0.0.0/cb'],
  ['http://192.168.1.1/cb'],
  ['http://[::1'],
  ['http://localhost:0/cb'],
  ['http://localhost:99999/cb'],
  ['http://LOCALHOST/cb'],
  ['localhost:3000/cb'],
  [`https://client.example/${'a'.repeat(1_100)}`],
];

const METADATA_FAULTS: readonly (readonly [title: string, change: JsonObject, ids?: string])[] = [
  ['grant types without the code grant', { grant_types: ['implicit'] }, '[AS-RG-38]'],
  ['grant types that are a text', { grant_types: 'authorization_code' }, '[AS-RG-40]'],
  ['no grant type at all', { grant_types: [] }, '[AS-RG-41]'],
  ['the response type token', { response_types: ['token'] }, '[AS-RG-42]'],
  ['an ID token beside the code', { response_types: ['code', 'id_token'] }, '[AS-RG-43]'],
  ['an authentication method nobody knows', { token_endpoint_auth_method: 'magic' }, '[AS-RG-44]'],
  ['private_key_jwt without keys', { token_endpoint_auth_method: 'private_key_jwt' }, '[AS-RG-45]'],
  ['keys at a metadata service', { jwks_uri: 'http://169.254.169.254/' }, '[AS-RG-46]'],
  ['keys in a file', { jwks_uri: 'file:///etc/passwd' }, '[AS-RG-47]'],
  ['a policy that is a script', { policy_uri: 'javascript:alert(1)' }, '[AS-RG-53]'],
  ['terms that are a document of their own', { tos_uri: 'data:text/html,x' }, '[AS-RG-54]'],
  ['a name that is a number', { client_name: 7 }, '[AS-RG-58]'],
  // variations
  ['the password grant beside the code grant', { grant_types: ['authorization_code', 'password'] }],
  ['the implicit grant beside the code grant', { grant_types: ['authorization_code', 'implicit'] }],
  ['grant types of numbers', { grant_types: [1] }],
  ['grant types that are an object', { grant_types: { 0: 'authorization_code' } }],
  ['seventeen grant types', { grant_types: Array.from({ length: 17 }, (_, index) => `g${index}`) }],
  ['no response type at all', { response_types: [] }],
  ['the response type code twice', { response_types: ['code', 'code'] }],
  ['response types that are a text', { response_types: 'code' }],
  ['the response type none', { response_types: ['none'] }],
  ['an authentication method in capitals', { token_endpoint_auth_method: 'NONE' }],
  ['client_secret_jwt', { token_endpoint_auth_method: 'client_secret_jwt' }],
  ['tls_client_auth', { token_endpoint_auth_method: 'tls_client_auth' }],
  ['an authentication method that is a list', { token_endpoint_auth_method: ['none'] }],
  ['an authentication method without a value', { token_endpoint_auth_method: '' }],
  ['keys on this machine', { jwks_uri: 'https://127.0.0.1/keys' }],
  ['keys on this machine by name', { jwks_uri: 'https://localhost/keys' }],
  ['keys on this machine in IPv6', { jwks_uri: 'https://[::1]/keys' }],
  ['keys on a private network', { jwks_uri: 'https://10.0.0.1/keys' }],
  ['keys on a name that cannot be public', { jwks_uri: 'https://vault.internal/keys' }],
  ['keys without TLS', { jwks_uri: 'http://client.example/keys' }],
  ['keys behind user information', { jwks_uri: 'https://user@client.example/keys' }],
  ['a logo that is a script', { logo_uri: 'javascript:alert(1)' }],
  ['a logo that is data', { logo_uri: 'data:image/svg+xml,x' }],
  ['a home page that is a script', { client_uri: ' javascript:alert(1)' }],
  ['a home page with a password', { client_uri: 'https://user:password@client.example/' }],
  ['a home page that is relative', { client_uri: '/home' }],
  ['a home page that is a list', { client_uri: ['https://client.example/'] }],
  ['a name of 129 characters', { client_name: 'a'.repeat(129) }],
  ['a name that is an object', { client_name: { en: 'X' } }],
  ['a name that is a list', { client_name: ['X'] }],
  ['a name with a line break', { client_name: 'a\nb' }],
  ['a name with NUL', { client_name: 'a\u0000b' }, '[AS-RG-67]'],
  ['a name with an escape sequence', { client_name: '\u001b[31mX' }],
  ['contacts that are a text', { contacts: 'a@client.example' }],
  ['nine contacts', { contacts: Array.from({ length: 9 }, () => 'a@client.example') }],
  ['a scope that is a list', { scope: ['mcp:read'] }],
  ['a scope that is a number', { scope: 1 }],
  ['an application type nobody knows', { application_type: 'toaster' }],
  ['a software_id that is a number', { software_id: 1 }],
];

describe('a registration is refused', () => {
  runTable(world, [
    ...REDIRECT_URIS.map(
      ([uri, ids = '']): Row => ({
        title: `for the redirect URI ${JSON.stringify(uri).slice(0, 60)} ${ids}`.trim(),
        request: () => register({ redirect_uris: [uri] }),
        expect: jsonError('registration_redirect_uri_invalid'),
      }),
    ),
    ...[
      ['that is an object', { 0: 'https://client.example/cb' }, '[AS-RG-36]'],
      ['that is a text', 'https://client.example/cb'],
      ['that is empty', []],
      ['of numbers', [1]],
      ['of lists', [['https://client.example/cb']]],
      ['of nulls', [null]],
      ['of which the last is dangerous', ['https://client.example/cb', 'javascript:alert(1)']],
      ['of seventeen', Array.from({ length: 17 }, (_, index) => `https://client.example/${index}`)],
      ['that is null', null],
      ['that is left out', undefined],
    ].map(
      ([title, redirect_uris, ids = '']): Row => ({
        title: `for a list of redirect URIs ${String(title)} ${String(ids)}`.trim(),
        request: () => register({ redirect_uris }),
        expect: jsonError('registration_redirect_uri_invalid'),
      }),
    ),
    ...METADATA_FAULTS.map(
      ([title, change, ids = '']): Row => ({
        title: `for ${title} ${ids}`.trim(),
        request: () => register(change),
        expect: jsonError('registration_metadata_invalid'),
      }),
    ),
    {
      title: 'for a scope with characters no scope has',
      request: () => register({ scope: 'mcp:read "x"' }),
      expect: jsonError('registration_scope_not_allowed'),
    },
    {
      title: 'for a software statement, signed or not [AS-RG-59]',
      request: () => register({ software_statement: 'eyJhbGciOiJub25lIn0.e30.' }),
      expect: jsonError('registration_software_statement_unsupported'),
    },
    {
      title: 'for a name of 100 kB, before it is read to the end [AS-RG-57]',
      request: () => register({ client_name: 'a'.repeat(100_000) }),
      expect: jsonError('body_too_large'),
    },
    {
      title: 'for a client_id that would pass 2,048 characters',
      request: () =>
        register({
          redirect_uris: Array.from({ length: 16 }, (_, index) => `https://client.example/${index}/${'a'.repeat(200)}`),
        }),
      expect: jsonError('registration_too_large'),
    },
  ]);
});

describe('a body is not read', () => {
  runTable(world, [
    ...[
      ['null', 'null', '[AS-RG-71]'],
      ['a text', '"x"', '[AS-RG-73]'],
      ['a list', '[]'],
      ['a list of metadata', JSON.stringify([METADATA])],
      ['a number', '7'],
      ['true', 'true'],
      ['nothing', ''],
      ['white space', '  \n'],
      ['an object cut short', '{"redirect_uris":["https://client.example/cb"]'],
      ['an object and more', `${JSON.stringify(METADATA)}{}`],
      ['a trailing comma', '{"client_name":"X",}'],
      ['a comment', '{"client_name":"X"/* */}'],
      ['single quotes', "{'client_name':'X'}"],
      ['NaN', '{"client_name":NaN}'],
      ['a byte order mark', `\ufeff${JSON.stringify(METADATA)}`],
      [
        'repeated members',
        '{"redirect_uris":["https://evil.example/cb"],"redirect_uris":["https://client.example/cb"]}',
        '[AS-RG-75]',
      ],
      ['repeated members of a member', '{"redirect_uris":["https://client.example/cb"],"x":{"a":1,"a":2}}'],
      [
        'members repeated by an escape',
        '{"redirect_uris":["https://client.example/cb"],"redirect_\\u0075ris":["https://evil.example/cb"]}',
      ],
      ['nesting without end', `{"redirect_uris":${'['.repeat(30_000)}`],
      ['nesting of forty', `{"redirect_uris":["https://client.example/cb"],"x":${'['.repeat(40)}${']'.repeat(40)}}`],
    ].map(
      ([title, body, ids = '']): Row => ({
        title: `that is ${title} ${ids}`.trim(),
        request: () => postJson('/register', body),
        expect: jsonError('body_malformed'),
      }),
    ),
    {
      title: 'that is not UTF-8',
      request: () =>
        postJson(
          '/register',
          Buffer.from('{"redirect_uris":["https://client.example/cb"],"client_name":"\xff\xfe"}', 'latin1'),
        ),
      expect: jsonError('body_malformed'),
    },
    {
      title: 'that is JSON in UTF-16',
      request: () => postJson('/register', Buffer.from(JSON.stringify(METADATA), 'utf16le')),
      expect: jsonError('body_malformed'),
    },
    ...[
      'application/x-www-form-urlencoded',
      'text/plain',
      'text/html',
      'multipart/form-data; boundary=x',
      'application/jose',
      'application/jsonx',
      'nonsense',
      '',
    ].map(
      (type): Row => ({
        title: `of the content type ${JSON.stringify(type)}`,
        request: () => postJson('/register', METADATA, type),
        expect: jsonError('content_type_unsupported'),
      }),
    ),
    {
      title: 'without a content type',
      request: () => ({ method: 'POST', target: '/register', body: JSON.stringify(METADATA) }),
      expect: jsonError('content_type_unsupported'),
    },
    {
      title: 'that is a form',
      request: () => postForm('/register', { redirect_uris: 'https://client.example/cb' }),
      expect: jsonError('content_type_unsupported'),
    },
    {
      title: 'that is compressed',
      request: () => ({
        method: 'POST',
        target: '/register',
        headers: [
          ['Content-Type', 'application/json'],
          ['Content-Encoding', 'gzip'],
        ],
        body: 'x',
      }),
      expect: jsonError('content_type_unsupported'),
    },
  ]);
});

describe('a registration is accepted', () => {
  runTable(world, [
    {
      title: 'with what the MCP SDK sends [AS-RG-85, AS-48]',
      request: () =>
        postJson('/register', {
          client_name: 'mcp',
          redirect_uris: ['http://localhost:3334/oauth/callback'],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
          token_endpoint_auth_method: 'none',
          application_type: 'native',
        }),
      expect: registered((body) =>
        expect(body).toEqual({
          client_id: expect.any(String),
          client_id_issued_at: expect.any(Number),
          client_name: 'mcp',
          redirect_uris: ['http://localhost:3334/oauth/callback'],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
          token_endpoint_auth_method: 'none',
          application_type: 'native',
        }),
      ),
    },
    {
      title: 'with a redirect URI and nothing else: the defaults are told',
      request: () => postJson('/register', { redirect_uris: ['https://client.example/cb'] }),
      expect: echoes({
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
        client_secret: expect.stringMatching(/^[\w-]{43}$/),
        client_secret_expires_at: 0,
      }),
    },
    {
      title: 'with a client_id short enough for URLs [AS-RG-84]',
      request: () => register({}),
      expect: registered((body) => expect(String(body['client_id']).length).toBeLessThan(500)),
    },
    {
      title: 'without the members nobody knows [AS-RG-81]',
      request: () => register({ foo: { bar: 1 } }),
      expect: omits('foo'),
    },
    {
      title: 'without a privileged scope nobody knows [AS-RG-55]',
      request: () => register({ scope: 'superuser' }),
      expect: omits('scope'),
    },
    {
      title: 'with the scopes that are known, in their order',
      request: () => register({ scope: 'mcp:write superuser mcp:read' }),
      expect: echoes({ scope: 'mcp:write mcp:read' }),
    },
    {
      title: 'with a blank name, which is none [AS-RG-65]',
      request: () => register({ client_name: '  ' }),
      expect: omits('client_name'),
    },
    {
      title: 'with the name of a brand, which proves nothing [AS-RG-66]',
      request: () => register({ client_name: 'Google' }),
      expect: echoes({ client_name: 'Google' }),
    },
    {
      title: 'with a name that looks like a template [AS-RG-69]',
      request: () => register({ client_name: TEMPLATE }),
      expect: echoes({ client_name: TEMPLATE }),
    },
    {
      title: 'with the application type web and a loopback redirect URI [AS-RG-86]',
      request: () => register({ redirect_uris: ['http://localhost/cb'], application_type: 'web' }),
      expect: echoes({ application_type: 'web' }),
    },
    {
      title: 'without grant types that are not offered',
      request: () =>
        register({
          grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        }),
      expect: echoes({ grant_types: ['authorization_code', 'refresh_token'] }),
    },
    {
      title: 'with the code grant alone',
      request: () => register({ grant_types: ['authorization_code'] }),
      expect: echoes({ grant_types: ['authorization_code'] }),
    },
    {
      title: 'without repeats among its redirect URIs',
      request: () => register({ redirect_uris: ['https://client.example/cb', 'https://client.example/cb'] }),
      expect: echoes({ redirect_uris: ['https://client.example/cb'] }),
    },
    {
      title: 'with members that are null, which are absent',
      request: () => register({ client_name: null, logo_uri: null, scope: null, jwks_uri: null }),
      expect: omits('client_name', 'logo_uri', 'scope', 'jwks_uri'),
    },
    {
      title: 'with members that are empty texts, which are absent',
      request: () =>
        register({ client_name: '', logo_uri: '', client_uri: '', scope: '', tos_uri: '', policy_uri: '' }),
      expect: omits('client_name', 'logo_uri', 'client_uri', 'scope', 'tos_uri', 'policy_uri'),
    },
    {
      title: 'under a client_id of its own, whatever it asks for',
      request: () => register({ client_id: 'chosen', client_secret: 'chosen-secret', client_id_issued_at: 1 }),
      expect: registered((body) => expect(body['client_id']).not.toBe('chosen')),
    },
    {
      title: 'as JSON with a charset',
      request: () => postJson('/register', METADATA, 'application/json; charset=utf-8'),
      expect: registered(),
    },
    ...[
      'cursor://anysphere.cursor-retrieval/oauth/callback',
      'com.example.app:/cb',
      'vscode://vscode.x/cb',
      'http://[::1]:8080/cb',
      'http://127.0.0.1/cb?x=1',
      'https://client.example:8443/a%20b',
    ].map(
      (uri): Row => ({
        title: `with the redirect URI ${uri}`,
        request: () => register({ redirect_uris: [uri] }),
        expect: echoes({ redirect_uris: [uri] }),
      }),
    ),
  ]);

  test('twice with the same metadata, it makes two clients with two secrets', async () => {
    const answers = await Promise.all(
      [1, 2].map(() => observe(world, register({ token_endpoint_auth_method: 'client_secret_post' }))),
    );
    const [one, other] = answers.map(({ answer }) => answer.json() as JsonObject);
    expect(one?.['client_id']).not.toBe(other?.['client_id']);
    expect(one?.['client_secret']).not.toBe(other?.['client_secret']);
  });

  test('with a prototype as member, it pollutes nothing [AS-RG-76]', async () => {
    for (const body of [
      '{"__proto__":{"admin":true},"redirect_uris":["https://client.example/cb"],"token_endpoint_auth_method":"none"}',
      '{"constructor":{"prototype":{"admin":true}},"redirect_uris":["https://client.example/cb"],"token_endpoint_auth_method":"none"}',
    ]) {
      const observed = await observe(world, postJson('/register', body));
      expectSound(observed);
      expect([201, 400]).toContain(observed.answer.status);
      expect(observed.answer.text).not.toContain('admin');
      expect(({} as JsonObject)['admin']).toBeUndefined();
    }
  });
});

describe('a client_id', () => {
  const { client_id } = world.publicClient;
  const [head = '', body = '', mac = ''] = client_id.split('.');
  const forged = Buffer.from(JSON.stringify({ r: ['https://evil.example/cb'], iat: 1, j: 'x' })).toString('base64url');
  const none = Buffer.from('{"alg":"none","typ":"client+jwt"}').toString('base64url');

  runTable(world, [
    ...Object.entries({
      'with another payload': `${head}.${forged}.${mac}`,
      'that is not signed': `${none}.${forged}.`,
      'with its signature cut off': `${head}.${body}.`,
      'with its signature cut short': client_id.slice(0, -1),
      'with something after it': `${client_id}A`,
      'with padding': `${client_id}=`,
      'with a space after it': `${client_id} `,
      'with a line break after it': `${client_id}\n`,
      'with NUL after it': `${client_id}\u0000`,
      'with a fourth part': `${client_id}.e30`,
      'with a part less': `${head}.${body}`,
      'in upper case': client_id.toUpperCase(),
      'that is a number': '1',
      'that is a path': '../../etc/passwd',
      'that is a prototype': '__proto__',
      'that is a method of objects': 'constructor',
      'that is a template': TEMPLATE,
      'of two thousand characters more': `${client_id}${'A'.repeat(2_000)}`,
    }).map(
      ([title, id]): Row => ({
        title: `${title} is nobody's`,
        request: () => authorizeRequest(world, { client_id: id }),
        expect: (observed) => {
          page('client_unknown_at_authorize')(observed);
          expect(observed.answer.text).not.toContain('49');
        },
      }),
    ),
  ]);

  test("of another server is nobody's, and makes its client register again [AS-RG-88, AS-50]", async () => {
    await using other = await startGuardmint();
    const foreign = await other.register();
    page('client_unknown_at_authorize')(
      await observe(world, authorizeRequest(world, { client_id: foreign.client_id })),
    );
    const form = { grant_type: 'refresh_token', refresh_token: 'x', client_id: foreign.client_id };
    jsonError('client_unknown')(await observe(world, postForm('/token', form)));
  });

  test('outlives every rotation of the keys [AS-RG-89]', async () => {
    await using own = await startGuardmint();
    const { client_id: old } = await own.register();
    const first = own.guardmint.keys.activeSecret('client').kid;
    for (const days of [364, 2, 364, 2]) {
      own.advance(days * 86_400);
      await own.guardmint.keys.reload();
    }
    expect(own.guardmint.keys.activeSecret('client').kid).not.toBe(first);
    const granted = await own.grant({ client: { client_id: old } });
    expect(granted.access_token).not.toBe('');
  });
});

const SUITE = new URL('../../../shared/vectors/json-test-suite/', import.meta.url);
const files = existsSync(SUITE) ? readdirSync(SUITE).filter((name) => name.endsWith('.json')) : [];

describe.skipIf(files.length === 0)('the files of JSONTestSuite, as a registration [AS-HT-23]', () => {
  test('none is answered with more than a refusal, and what is no JSON is not read', async () => {
    const answers = new Map<string, string>();
    for (const name of files) {
      const observed = await observe(world, postJson('/register', readFileSync(join(SUITE.pathname, name))));
      expectSound(observed);
      answers.set(name, `${observed.answer.status} ${observed.reasons.join()}`);
    }
    const ofKind = (kind: string) => [...answers].filter(([name]) => name.startsWith(kind));
    const unread = ofKind('n_').filter(([, answer]) => !/^4(?:00 body_malformed|13 body_too_large)$/.test(answer));
    expect(unread).toEqual([]);
    const refusals = new Set(ofKind('y_').map(([, answer]) => answer));
    expect([...refusals].sort()).toEqual(['400 body_malformed', '400 registration_redirect_uri_invalid']);
    expect(ofKind('i_').filter(([, answer]) => !answer.startsWith('4'))).toEqual([]);
  });
});

describe('registration that is switched off', () => {
  test('is not there', async () => {
    await using closed = await startGuardmint({
      settings: { registration: { enabled: false } },
    });
    const response = await fetch(`${closed.issuer}/register`, { method: 'POST', body: '{}' });
    expect(response.status).toBe(404);
    const metadata = await (await fetch(`${closed.issuer}/.well-known/oauth-authorization-server`)).json();
    expect(metadata).not.toHaveProperty('registration_endpoint');
  });
});
