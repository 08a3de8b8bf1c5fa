import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseClientMetadata, type RegistrationPolicy } from '../../src/clients/index.ts';
import { type JsonObject, OAuthError, parseJsonObject } from '../../src/oauth/index.ts';
import { createForeignSigner } from '../support/assertion.ts';

const POLICY: RegistrationPolicy = { grantTypes: ['authorization_code', 'refresh_token'] };
const REQUEST = {
  redirect_uris: ['https://client.example/cb'],
  client_name: 'X',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};

function refusal(more: JsonObject, policy = POLICY): string | undefined {
  try {
    parseClientMetadata({ ...REQUEST, ...more }, policy);
    return undefined;
  } catch (thrown) {
    return thrown instanceof OAuthError ? thrown.reason : String(thrown);
  }
}

describe('a registration', () => {
  test('is echoed as it was asked for, when all of it can be honoured', () => {
    const request = {
      ...REQUEST,
      client_uri: 'https://client.example',
      logo_uri: 'https://client.example/logo.png',
      tos_uri: 'https://client.example/tos',
      policy_uri: 'http://localhost:3000/policy',
      contacts: ['ops@client.example'],
      software_id: '2e6dc280-f3c3-4e01-99a7-8181dbd1d23d',
      software_version: '1.0',
      application_type: 'native',
      scope: 'read write',
    };
    expect(parseClientMetadata(request, POLICY)).toEqual(request);
  });

  test('of nothing but redirect URIs gets the defaults of RFC 7591 §2, and refresh tokens', () => {
    expect(parseClientMetadata({ redirect_uris: ['com.example.app:/cb'] }, POLICY)).toEqual({
      redirect_uris: ['com.example.app:/cb'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    });
  });

  test.each([
    [
      'of the MCP SDK [AS-RG-85, AS-49]',
      { redirect_uris: ['http://localhost:3334/oauth/callback'], application_type: 'native' },
    ],
    [
      'of a web client on this machine [AS-RG-86, AS-49]',
      { redirect_uris: ['http://localhost/cb'], application_type: 'web' },
    ],
    ['of the Inspector, with an empty scope', { redirect_uris: ['http://localhost:6274/oauth/callback'], scope: '' }],
    [
      'of VS Code',
      {
        redirect_uris: [
          'https://insiders.vscode.dev/redirect',
          'https://vscode.dev/redirect',
          'http://127.0.0.1/',
          'http://127.0.0.1:33418/',
        ],
        client_uri: 'https://code.visualstudio.com',
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      },
    ],
    [
      'of Cursor',
      { redirect_uris: ['cursor://anysphere.cursor-mcp/oauth/callback', 'http://localhost:8787/callback'] },
    ],
    ['with a brand for a name [AS-RG-66]', { client_name: 'Google' }],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text is what an attacker sends
    ['with template syntax for a name [AS-RG-69]', { client_name: '${7*7}{{7*7}}<%=7*7%>' }],
    ['with markup for a name', { client_name: '<script>alert(1)</script>' }],
    ['with a name in any script', { client_name: 'クライアント Клиент عميل 🙂' }],
    [
      'with members that are null',
      { client_name: null, scope: null, contacts: null, software_statement: null, jwks: null },
    ],
    ['with empty links', { client_uri: '', logo_uri: '', tos_uri: '', policy_uri: '', jwks_uri: '' }],
    ['with a public key location, which is not used', { jwks_uri: 'https://client.example/jwks.json' }],
  ])('%s is accepted', (_, more) => {
    expect(refusal(more)).toBeUndefined();
  });

  test('leaves out what nobody offers and what nobody knows [AS-RG-81]', () => {
    const metadata = parseClientMetadata(
      {
        ...REQUEST,
        grant_types: ['authorization_code', 'client_credentials', 'urn:example:x', 'authorization_code'],
        redirect_uris: ['https://client.example/cb', 'https://client.example/cb'],
        jwks_uri: 'https://client.example/jwks.json',
        client_id: 'mine',
        client_secret: 'mine',
        foo: { bar: 1 },
        contacts: null,
      },
      POLICY,
    );
    expect(metadata).toEqual({ ...REQUEST, grant_types: ['authorization_code'] });
  });

  test('says __proto__ and changes nothing by it [AS-RG-76]', () => {
    const request = parseJsonObject(
      '{"__proto__":{"client_uri":"javascript:x"},"redirect_uris":["https://client.example/cb"]}',
    );
    const metadata = parseClientMetadata(request ?? {}, POLICY);
    expect(metadata.client_uri).toBeUndefined();
    expect('client_uri' in {}).toBe(false);
  });

  test('drops a blank name and trims others [AS-RG-65]', () => {
    expect(parseClientMetadata({ ...REQUEST, client_name: '  ' }, POLICY)).not.toHaveProperty('client_name');
    expect(parseClientMetadata({ ...REQUEST, client_name: ' Notes ' }, POLICY).client_name).toBe('Notes');
  });
});

describe('a registration is refused for', () => {
  test.each([
    ['no redirect URI', undefined],
    ['redirect URIs that are null', null],
    ['an empty list of them', []],
    ['an object in place of a list [AS-RG-36]', { 0: 'https://client.example/cb' }],
    ['a text in place of a list', 'https://client.example/cb'],
    ['a number among them', [7]],
    ['null among them', [null]],
    ['a list in the list', [['https://client.example/cb']]],
    ['an empty one', ['']],
    ['script [AS-RG-03]', ['javascript:alert(1)']],
    ['plain http [AS-RG-11]', ['http://client.example/cb']],
    ['one bad among good ones', ['https://client.example/cb', 'data:text/html,x']],
    ['seventeen of them', Array.from({ length: 17 }, (_, index) => `https://client.example/${index}`)],
  ])('its redirect URIs: %s', (_, redirect_uris) => {
    expect(refusal({ redirect_uris })).toBe('registration_redirect_uri_invalid');
  });

  test.each([
    ['an implicit grant [AS-RG-38]', { grant_types: ['implicit'] }],
    ['an implicit grant beside another', { grant_types: ['authorization_code', 'implicit'] }],
    ['a password grant', { grant_types: ['authorization_code', 'password'] }],
    ['a grant without people', { grant_types: ['client_credentials'] }],
    ['refresh tokens alone', { grant_types: ['refresh_token'] }],
    ['grant types in one text [AS-RG-40]', { grant_types: 'authorization_code' }],
    ['no grant type [AS-RG-41]', { grant_types: [] }],
    ['a grant type that is a number', { grant_types: ['authorization_code', 7] }],
    ['a token response [AS-RG-42]', { response_types: ['token'] }],
    ['an ID token response beside the code [AS-RG-43]', { response_types: ['code', 'id_token'] }],
    ['no response type', { response_types: [] }],
    ['response types in one text', { response_types: 'code' }],
    ['an unknown authentication method [AS-RG-44]', { token_endpoint_auth_method: 'magic' }],
    ['a key it does not show [AS-RG-45]', { token_endpoint_auth_method: 'private_key_jwt' }],
    ['a method in other case', { token_endpoint_auth_method: 'NONE' }],
    ['an empty method', { token_endpoint_auth_method: '' }],
    ['keys at a link-local address [AS-RG-46]', { jwks_uri: 'http://169.254.169.254/' }],
    ['keys at a link-local address over TLS', { jwks_uri: 'https://169.254.169.254/' }],
    ['keys in a file [AS-RG-47]', { jwks_uri: 'file:///etc/passwd' }],
    ['keys on this machine', { jwks_uri: 'https://localhost/jwks' }],
    ['keys at a numeric host', { jwks_uri: 'https://2130706433/jwks' }],
    ['keys at an IPv6 address', { jwks_uri: 'https://[::1]/jwks' }],
    ['keys at a single label', { jwks_uri: 'https://redis/jwks' }],
    ['keys at an internal name', { jwks_uri: 'https://metadata.google.internal/x' }],
    ['a script for a policy [AS-RG-53]', { policy_uri: 'javascript:alert(1)' }],
    ['a document for terms [AS-RG-54]', { tos_uri: 'data:text/html,x' }],
    ['a script for a home page', { client_uri: 'JavaScript:alert(1)' }],
    ['a script behind a space', { client_uri: ' javascript:alert(1)' }],
    ['a drawing for a logo', { logo_uri: 'data:image/svg+xml,<svg/>' }],
    ['a logo over plain http', { logo_uri: 'http://169.254.169.254/logo.png' }],
    ['a link with a name in it', { client_uri: 'https://good.example@evil.example/' }],
    ['a link that is a number', { client_uri: 7 }],
    ['a link too long', { client_uri: `https://client.example/${'a'.repeat(1_010)}` }],
    ['a name of 100,000 characters [AS-RG-57]', { client_name: 'a'.repeat(100_000) }],
    ['a name of 129 characters', { client_name: 'a'.repeat(129) }],
    ['a name that is a number [AS-RG-58]', { client_name: 7 }],
    ['a name that is an object', { client_name: { toString: 'x' } }],
    ['NUL in its name [AS-RG-67]', { client_name: 'a\0b' }],
    ['a line feed in its name', { client_name: 'a\nb' }],
    ['a direction override in its name', { client_name: 'a\u202eb' }],
    ['a direction isolate in its name', { client_name: 'a\u2067b' }],
    ['an Arabic letter mark in its name', { client_name: 'a\u061cb' }],
    ['a zero-width space in its name', { client_name: 'Goo\u200bgle' }],
    ['a soft hyphen in its name', { client_name: 'Goo\u00adgle' }],
    ['a word joiner in its name', { client_name: 'Goo\u2060gle' }],
    ['tag characters in its name', { client_name: 'a\u{e0041}' }],
    ['half a character in its name', { client_name: 'a\ud800' }],
    ['a private character in its name', { client_name: '\ue000' }],
    ['too many contacts', { contacts: Array.from({ length: 9 }, () => 'a@client.example') }],
    ['contacts in one text', { contacts: 'a@client.example' }],
    ['an unknown kind of application', { application_type: 'service' }],
    ['a scope in a list', { scope: ['read'] }],
    ['a scope too long', { scope: 'a'.repeat(1_025) }],
  ])('%s', (_, more) => {
    expect(refusal(more)).toBe('registration_metadata_invalid');
  });

  test.each([['eyJhbGciOiJub25lIn0.e30.'], ['x'], [''], [7], [{}]])(
    'a software statement: %j [AS-RG-59]',
    (statement) => {
      expect(refusal({ software_statement: statement })).toBe('registration_software_statement_unsupported');
    },
  );

  test('characters a scope cannot have', () => {
    expect(refusal({ scope: 'a"b' })).toBe('registration_scope_not_allowed');
  });

  test('anything else that is no metadata, by name and never with its value', () => {
    try {
      parseClientMetadata({ ...REQUEST, client_name: 'secret\0', client_uri: 'javascript:secret' }, POLICY);
      expect.unreachable();
    } catch (thrown) {
      expect(thrown).toMatchObject({ detail: { members: 'client_name client_uri' } });
      expect(JSON.stringify(thrown)).not.toContain('secret');
    }
  });

  test('its own reasons only, whatever the request holds', () => {
    const member = fc.constantFrom(
      ...Object.keys(REQUEST),
      'scope',
      'jwks_uri',
      'client_uri',
      'software_statement',
      'contacts',
    );
    fc.assert(
      fc.property(fc.dictionary(member, fc.jsonValue({ maxDepth: 2 })), (more) => {
        const reason = refusal(more as JsonObject);
        expect(reason === undefined || /^registration_\w+$/.test(reason), reason).toBe(true);
      }),
    );
  });
});

describe('the scope of a registration', () => {
  const scopeOf = (scope: string | undefined, more: Partial<RegistrationPolicy>) =>
    parseClientMetadata({ ...REQUEST, ...(scope !== undefined && { scope }) }, { ...POLICY, ...more }).scope;

  test.each([
    ['is what was asked for where any may be', 'admin read', {}, 'admin read'],
    ['is the known part of it [AS-RG-55]', 'admin read', { validScopes: ['read', 'write'] }, 'read'],
    ['is absent when nothing of it is known [AS-RG-55]', 'admin', { validScopes: ['read'] }, undefined],
    ['is the default when none is asked for', undefined, { defaultScopes: ['read'] }, 'read'],
    ['is the default when an empty one is asked for', '  ', { defaultScopes: ['read'] }, 'read'],
    ['is absent without a default', undefined, {}, undefined],
    ['is written with single spaces', ' a   b a ', {}, 'a b'],
  ])('%s', (_, scope, policy, expected) => {
    expect(scopeOf(scope, policy)).toBe(expected);
  });
});

describe('a registration with keys', async () => {
  const policy: RegistrationPolicy = { ...POLICY, acceptsKeys: true };
  const keyed = { ...REQUEST, token_endpoint_auth_method: 'private_key_jwt' };
  const [one, two] = [await createForeignSigner(), await createForeignSigner('RS256')];

  test('is echoed with its public keys and nothing else of them', () => {
    const jwks = { keys: [{ ...one.publicJwk, x5c: ['MII'], note: 'x' }, two.publicJwk] };

    expect(parseClientMetadata({ ...keyed, jwks }, policy)).toEqual({
      ...keyed,
      jwks: { keys: [one.publicJwk, two.publicJwk] },
    });
  });

  test('or with the place of its keys and their algorithm', () => {
    const place = { jwks_uri: 'https://client.example/jwks', token_endpoint_auth_signing_alg: 'ES256' };

    expect(parseClientMetadata({ ...keyed, ...place }, policy)).toEqual({ ...keyed, ...place });
  });

  test('keeps no keys of a client that does not use them', () => {
    const registered = parseClientMetadata({ ...REQUEST, jwks: { keys: [one.publicJwk] } }, policy);

    expect(registered).toEqual(REQUEST);
  });

  test.each<[string, JsonObject]>([
    ['no keys [AS-RG-45]', {}],
    ['an empty set', { jwks: { keys: [] } }],
    ['keys twice', { jwks: { keys: [one.publicJwk] }, jwks_uri: 'https://client.example/jwks' }],
    ['a private key', { jwks: { keys: [one.privateJwk as JsonObject] } }],
    ['a private key it does not use', { token_endpoint_auth_method: 'none', jwks: { keys: [{ ...one.privateJwk }] } }],
    ['a symmetric key', { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }],
    ['a good key and a bad one', { jwks: { keys: [one.publicJwk, { ...two.publicJwk, e: 'AQ' }] } }],
    ['two keys under one kid', { jwks: { keys: [one.publicJwk, { ...two.publicJwk, kid: one.kid }] } }],
    ['more keys than anybody has', { jwks: { keys: Array(9).fill(one.publicJwk) } }],
    ['a set that is none', { jwks: [one.publicJwk] }],
    ['a MAC as its algorithm', { jwks: { keys: [one.publicJwk] }, token_endpoint_auth_signing_alg: 'HS256' }],
    ['no algorithm', { jwks: { keys: [one.publicJwk] }, token_endpoint_auth_signing_alg: 'none' }],
  ])('is refused with %s', (_case, members) => {
    expect(refusal({ ...keyed, ...members }, policy)).toBe('registration_metadata_invalid');
  });

  test('is refused where nobody can use keys', () => {
    expect(refusal({ ...keyed, jwks: { keys: [one.publicJwk] } })).toBe('registration_metadata_invalid');
  });
});
