import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { compactVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { type ClientMetadata, clientHash, createSignedClientIds } from '../../src/clients/index.ts';
import { systemRandom } from '../../src/platform/index.ts';
import { createAccessTokens, createRefreshTokens, createSealer } from '../../src/tokens/index.ts';
import { createTestKeyRing, testSecret } from '../support/keys.ts';

const NOW = 1_700_000_000;
const METADATA: ClientMetadata = {
  redirect_uris: ['http://localhost:3334/oauth/callback', 'https://client.example/cb'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
  client_name: 'Nötes 🙂',
};

const signedClientIds = (secrets: readonly string[] = ['one']) =>
  createSignedClientIds({ keys: createTestKeyRing({ secrets }), clock: () => NOW, random: systemRandom });

/** A client_id as we would sign it, with a header, claims or key of the test's choosing. */
function forge(header: object | string, claims: object | string, key = testSecret('client').secret): string {
  const encode = (part: object | string) =>
    Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}
const HEADER = { alg: 'HS256', typ: 'client+jwt', kid: testSecret('client').kid };
const CLAIMS = { r: ['https://client.example/cb'], iat: NOW };

describe('a registered client', () => {
  test('is found again by its client_id alone', () => {
    const client = signedClientIds().register(METADATA);
    const found = signedClientIds().open(client.clientId);
    expect(found).toEqual({
      clientId: client.clientId,
      origin: 'registered',
      clientName: 'Nötes 🙂',
      redirectUris: METADATA.redirect_uris,
      grantTypes: ['authorization_code', 'refresh_token'],
      authenticationMethod: 'none',
      metadata: METADATA,
      issuedAt: NOW,
    });
    const registrationAccessToken = expect.stringMatching(/^[\w-]{43}$/);
    expect(client).toEqual({ ...found, metadata: METADATA, registrationAccessToken });
    expect(client).not.toHaveProperty('clientSecret');
  });

  test('gets everything it registered echoed, also what its client_id does not carry', () => {
    const metadata: ClientMetadata = { ...METADATA, client_uri: 'https://client.example', scope: 'read' };
    expect(signedClientIds().register(metadata).metadata).toEqual(metadata);
  });

  const uri = fc.webUrl({ withQueryParameters: true }).filter((text) => text.length < 200);
  const metadata = fc.record({
    redirect_uris: fc.array(uri, { minLength: 1, maxLength: 4 }),
    grant_types: fc.constantFrom(
      ['authorization_code'],
      ['authorization_code', 'refresh_token'],
      ['refresh_token', 'authorization_code'],
    ),
    response_types: fc.constant(['code']),
    token_endpoint_auth_method: fc.constantFrom(
      'none' as const,
      'client_secret_basic' as const,
      'client_secret_post' as const,
    ),
    client_name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  });

  test('opens to the redirect URIs, name, grants, method and secret it was registered with', () => {
    const ids = signedClientIds();
    fc.assert(
      fc.property(metadata, (registered) => {
        const client = ids.register(registered);
        const { clientSecret, registrationAccessToken, ...rest } = client;
        expect(ids.open(client.clientId)).toEqual(rest);
        expect(ids.openRegistration(client.clientId, registrationAccessToken ?? '')).toEqual(client);
        expect(rest.redirectUris).toEqual(registered.redirect_uris);
        expect(rest.clientName).toBe(registered.client_name);
        expect(rest.grantTypes).toEqual(registered.grant_types);
        expect(rest.authenticationMethod).toBe(registered.token_endpoint_auth_method);
        expect(clientSecret === undefined).toBe(registered.token_endpoint_auth_method === 'none');
      }),
    );
  });

  test('has a client_id an independent implementation verifies, and that is no URL: HS256, typ client+jwt [AS-51]', async () => {
    const { clientId } = signedClientIds().register(METADATA);
    const { protectedHeader, payload } = await compactVerify(clientId, testSecret('client').secret);
    expect(protectedHeader).toEqual(HEADER);
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual({
      r: METADATA.redirect_uris,
      n: 'Nötes 🙂',
      iat: NOW,
      j: expect.stringMatching(/^[A-Za-z0-9_-]{16}$/),
    });
    expect(clientId).toMatch(/^[A-Za-z0-9._-]+$/);
    expect(clientId).not.toMatch(/^https:/);
  });

  test('is known by the hash of its client_id in everything we keep', () => {
    const { clientId } = signedClientIds().register(METADATA);
    expect(clientHash({ clientId })).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});

describe('a client_id', () => {
  test('has 2,048 characters at most, or is not made [AS-RG-84]', () => {
    const ids = signedClientIds();
    const withPath = (length: number): ClientMetadata => ({
      ...METADATA,
      redirect_uris: Array.from({ length: 2 }, (_, index) => `https://client.example/${index}${'a'.repeat(length)}`),
    });
    let longest = 0;
    for (let length = 500; length < 800; length++) {
      try {
        const { clientId } = ids.register(withPath(length));
        expect(ids.open(clientId)?.redirectUris).toEqual(withPath(length).redirect_uris);
        longest = Math.max(longest, clientId.length);
      } catch (thrown) {
        expect(thrown).toMatchObject({ reason: 'registration_too_large' });
      }
    }
    expect(longest).toBeGreaterThan(2_040);
    expect(longest).toBeLessThanOrEqual(2_048);
  });

  test('of more than 2,048 characters is not looked at', () => {
    const long = forge(HEADER, { ...CLAIMS, r: [`https://client.example/${'a'.repeat(1_500)}`] });
    expect(long.length).toBeGreaterThan(2_048);
    expect(signedClientIds().open(long)).toBeUndefined();
  });

  test('is refused with any of its characters changed', () => {
    const ids = signedClientIds();
    const { clientId } = ids.register(METADATA);
    for (let index = 0; index < clientId.length; index++) {
      for (const other of ['A', 'x', '_', '.', '=', ' ', '\n']) {
        if (clientId[index] === other) continue;
        expect(ids.open(clientId.slice(0, index) + other + clientId.slice(index + 1))).toBeUndefined();
      }
    }
  });

  test.each([
    ['padding', (id: string) => `${id}=`],
    ['a line feed', (id: string) => `${id}\n`],
    ['a space', (id: string) => ` ${id}`],
    [
      'spare bits in its MAC [JWT-ONCE-19]',
      (id: string) => id.slice(0, -1) + String.fromCharCode(id.charCodeAt(id.length - 1) + 1),
    ],
    ['a segment more', (id: string) => `${id}.AAAA`],
    ['a segment less', (id: string) => id.split('.').slice(0, 2).join('.')],
    ['no MAC', (id: string) => `${id.split('.').slice(0, 2).join('.')}.`],
    ['half a MAC', (id: string) => id.slice(0, -22)],
    ['a URL escape', (id: string) => id.replace('.', '%2E')],
  ])('is refused in another spelling: %s', (_, respell) => {
    const ids = signedClientIds();
    expect(ids.open(respell(ids.register(METADATA).clientId))).toBeUndefined();
  });

  test('is refused when another key signed it [AS-RG-88]', () => {
    expect(signedClientIds(['one']).open(signedClientIds(['foreign']).register(METADATA).clientId)).toBeUndefined();
    expect(signedClientIds().open(forge(HEADER, CLAIMS, testSecret('client', 'foreign').secret))).toBeUndefined();
    expect(signedClientIds().open(forge(HEADER, CLAIMS, testSecret('sealing').secret))).toBeUndefined();
  });

  test('survives a rotation of its key, with its secret [AS-RG-89]', () => {
    const metadata: ClientMetadata = { ...METADATA, token_endpoint_auth_method: 'client_secret_basic' };
    const registered = signedClientIds(['one']).register(metadata);
    const { clientSecret: _, registrationAccessToken = '', ...before } = registered;
    expect(signedClientIds(['two', 'one']).open(before.clientId)).toEqual(before);
    expect(signedClientIds(['two', 'one']).openRegistration(before.clientId, registrationAccessToken)).toEqual(
      registered,
    );
    expect(signedClientIds(['two']).open(before.clientId)).toBeUndefined();
    const after = signedClientIds(['two', 'one']).register(metadata);
    expect(signedClientIds(['two']).open(after.clientId)?.clientId).toBe(after.clientId);
  });

  test.each([
    ['alg none', { ...HEADER, alg: 'none' }],
    ['alg in other case', { ...HEADER, alg: 'hs256' }],
    ['another alg', { ...HEADER, alg: 'HS512' }],
    ["an access token's typ", { ...HEADER, typ: 'at+jwt' }],
    ['no typ', { alg: 'HS256', kid: HEADER.kid }],
    ['a typ in other case', { ...HEADER, typ: 'CLIENT+JWT' }],
    ['no kid', { alg: 'HS256', typ: 'client+jwt' }],
    ['a kid that is a number', { ...HEADER, kid: 7 }],
    ['an unknown kid', { ...HEADER, kid: 'x' }],
    ['a kid that is a path', { ...HEADER, kid: '../../dev/null' }],
    ['the kid of another family', { ...HEADER, kid: testSecret('refresh').kid }],
    ['a repeated member', JSON.stringify(HEADER).replace('{', '{"typ":"x",')],
    ['no object', '[]'],
    ['no JSON', 'x'],
  ])('is refused with %s in its header', (_, header) => {
    expect(signedClientIds().open(forge(HEADER, CLAIMS))).toBeDefined();
    expect(signedClientIds().open(forge(header, CLAIMS))).toBeUndefined();
  });

  test.each([
    ['a list', '[]'],
    ['no JSON', 'x'],
    ['a repeated member', '{"r":["https://a.example"],"r":["https://b.example"],"iat":1}'],
  ])('is refused with %s for claims', (_, claims) => {
    expect(signedClientIds().open(forge(HEADER, claims))).toBeUndefined();
  });

  test('is no access token [JWT-TYP-13], refresh token [JWT-TYP-14] or sealed thing', async () => {
    const keys = createTestKeyRing();
    const random = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64url');
    const access = createAccessTokens({ keys, issuer: 'https://as.example', random, lifetime: 600 });
    const { token } = await access.issue(
      { subject: 'a', clientId: 'c', resource: 'https://mcp.example', scope: [] },
      NOW,
    );
    const refresh = createRefreshTokens({ keys }).write({
      familyId: random(16),
      generation: 0,
      nonce: random(16),
      keyId: keys.activeSecret('refresh').kid,
    });
    const sealed = await createSealer({ keys, clock: () => NOW }).seal('code+jwe', {}, 60);
    for (const other of [token, refresh ?? '', sealed]) {
      expect(other).not.toBe('');
      expect(signedClientIds().open(other)).toBeUndefined();
    }
  });

  test('may be any text without an error', () => {
    const ids = signedClientIds();
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[\w-]*\.[\w-]*\.[\w-]*$/)),
        (text) => ids.open(text) === undefined,
      ),
    );
  });
});

describe('a client_secret', () => {
  const metadata: ClientMetadata = { ...METADATA, token_endpoint_auth_method: 'client_secret_post' };

  test('is 32 bytes that nobody stores, and another for whoever registers the same in the same second', () => {
    const one = signedClientIds().register(metadata);
    const other = signedClientIds().register(metadata);
    expect(one.clientSecret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(one.clientId).not.toBe(other.clientId);
    expect(one.clientSecret).not.toBe(other.clientSecret);
    expect(one.issuedAt).toBe(other.issuedAt);
  });

  test('depends on the key and the client_id alone', () => {
    const register = (secret: string) =>
      createSignedClientIds({ keys: createTestKeyRing({ secrets: [secret] }), clock: () => NOW, random: () => 'j' });
    expect(register('one').register(metadata)).toEqual(register('one').register(metadata));
    expect(register('one').register(metadata).clientSecret).not.toBe(register('two').register(metadata).clientSecret);
  });

  test('is not the MAC of the client_id, nor one under its key', () => {
    const { clientId, clientSecret } = signedClientIds().register(metadata);
    const mac = createHmac('sha256', testSecret('client').secret).update(clientId).digest('base64url');
    expect([clientId.split('.')[2], mac]).not.toContain(clientSecret);
  });
});

describe('a registration access token', () => {
  const metadata: ClientMetadata = { ...METADATA, token_endpoint_auth_method: 'client_secret_post' };

  test('opens the registration it was answered with, and no other', () => {
    const ids = signedClientIds();
    const [one, other] = [ids.register(metadata), ids.register(metadata)];
    expect(ids.openRegistration(one.clientId, one.registrationAccessToken ?? '')).toEqual(one);
    for (const wrong of [other.registrationAccessToken, one.clientSecret, one.secretHash, '', 'x'])
      expect(ids.openRegistration(one.clientId, wrong ?? '')).toBeUndefined();
    expect(ids.openRegistration(`${one.clientId}A`, one.registrationAccessToken ?? '')).toBeUndefined();
  });
});

describe('a registered client with keys', () => {
  const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'one' }] };
  const keyed: ClientMetadata = { ...METADATA, token_endpoint_auth_method: 'private_key_jwt' };

  test('carries them in its client_id, and has no secret', () => {
    const ids = signedClientIds();
    const client = ids.register({ ...keyed, jwks, token_endpoint_auth_signing_alg: 'ES256' });
    expect(client).not.toHaveProperty('clientSecret');
    const found = ids.open(client.clientId);
    expect(found).toMatchObject({ authenticationMethod: 'private_key_jwt', jwks, signingAlgorithm: 'ES256' });
    expect(found).not.toHaveProperty('secretHash');
    expect(found?.metadata).toEqual({ ...keyed, jwks, token_endpoint_auth_signing_alg: 'ES256' });
  });

  test('or where they are', () => {
    const ids = signedClientIds();
    const { clientId } = ids.register({ ...keyed, jwks_uri: 'https://client.example/jwks' });
    expect(ids.open(clientId)).toMatchObject({ jwksUri: 'https://client.example/jwks' });
  });

  test('is refused where they do not fit', () => {
    const large = { keys: Array.from({ length: 5 }, () => ({ kty: 'RSA', n: 'n'.repeat(342), e: 'AQAB' })) };
    expect(() => signedClientIds().register({ ...keyed, jwks: large })).toThrow('registration_too_large');
  });
});
