import { createHash } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createDpopKey } from '../support/dpop.ts';
import { OTHER_RESOURCE, REDIRECT, RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';

const hash = (secret: string) => createHash('sha256').update(secret).digest('base64url');
const basic = (id: string) => ({ authorization: `Basic ${Buffer.from(`${id}:secret of ${id}`).toString('base64')}` });
const serverOf = (client_id: string) => ({
  client_id,
  grant_types: ['refresh_token'],
  client_secret_hash: hash(`secret of ${client_id}`),
});

const settings = {
  resources: [
    { resource: RESOURCE, scopes: { 'mcp:read': 'Read', 'mcp:write': 'Write' }, introspectedBy: ['notes'] },
    { resource: OTHER_RESOURCE, introspectedBy: ['calculator'] },
  ],
  clients: [
    serverOf('notes'),
    serverOf('calculator'),
    serverOf('nobody'),
    {
      client_id: 'confidential',
      redirect_uris: [REDIRECT],
      client_secret_hash: hash('secret of confidential'),
    },
  ],
};

let isStoreDown = false;
const server = await startGuardmint({
  settings,
  store(clock) {
    const store = createMemoryStore({ clock });
    const down = () => Promise.reject(new UnavailableError('store'));
    return {
      ...store,
      denylist: { ...store.denylist, match: (keys) => (isStoreDown ? down() : store.denylist.match(keys)) },
      refreshFamilies: {
        ...store.refreshFamilies,
        find: (id) => (isStoreDown ? down() : store.refreshFamilies.find(id)),
      },
    };
  },
});
afterAll(() => server[Symbol.asyncDispose]());

const INACTIVE = { active: false };

async function ask(token: string, as = 'notes', more: Record<string, string> = {}, on: RunningGuardmint = server) {
  return on.post('/introspect', { token, ...more }, basic(as));
}

/** A grant of the confidential client. */
async function grantOfConfidential() {
  const { exchange } = await server.authorize({ client: { client_id: 'confidential' } });
  const { client_id: _omitted, ...form } = exchange;
  const { body } = await server.post('/token', form, basic('confidential'));
  return { access: String(body['access_token']), refresh: String(body['refresh_token']) };
}

describe('introspection (RFC 7662)', () => {
  test('tells a server of the resource all about an access token for it', async () => {
    const { access_token } = await server.grant();
    const answer = await ask(access_token);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({ active: true, ...decodeJwt(access_token), token_type: 'Bearer' });
  });

  test('tells the key of a bound one, and of an exchanged one who acts', async () => {
    const key = await createDpopKey();
    const { exchange } = await server.authorize();
    const dpop = await key.prove({ url: `${server.issuer}/token`, now: server.now() });
    const { body } = await server.post('/token', exchange, { dpop });
    const { body: told } = await ask(String(body['access_token']));
    expect(told).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt: key.jkt } });
  });

  test('tells a client of its own tokens, of both kinds, whatever the hint says', async () => {
    const { access, refresh } = await grantOfConfidential();
    for (const token_type_hint of ['access_token', 'refresh_token', 'nonsense']) {
      expect((await ask(access, 'confidential', { token_type_hint })).body).toMatchObject({ active: true });
      const { body } = await ask(refresh, 'confidential', { token_type_hint });
      expect(body).toMatchObject({ active: true, client_id: 'confidential', aud: RESOURCE, iss: server.issuer });
      expect(body).not.toHaveProperty('token_type');
    }
  });

  test('tells nobody else anything: one answer for unknown, foreign, ended and revoked tokens', async () => {
    const { access, refresh } = await grantOfConfidential();
    const { access_token, refresh_token, clientId } = await server.grant();
    const foreign = [
      [access_token, 'calculator'],
      [access_token, 'nobody'],
      [refresh_token, 'notes'],
      [refresh, 'notes'],
      [access, 'calculator'],
      ['x', 'notes'],
      [`${access_token}=`, 'notes'],
      [access_token.slice(0, -4), 'notes'],
    ] as const;
    for (const [token, as] of foreign) {
      const answer = await ask(token, as);
      expect([answer.status, answer.text]).toEqual([200, JSON.stringify(INACTIVE)]);
    }

    expect((await ask(access_token)).body['active']).toBe(true);
    await server.post('/revoke', { client_id: clientId, token: refresh_token });
    expect((await ask(access_token)).body).toEqual(INACTIVE);

    await server.guardmint.store.denylist.deny({
      kind: 'grant',
      id: String(decodeJwt(access)['gid']),
      lifetime: 900,
    });
    expect((await ask(access, 'confidential')).body).toEqual(INACTIVE);
    expect((await ask(refresh, 'confidential')).body).toEqual(INACTIVE);
  });

  test('ends with the token', async () => {
    await using own = await startGuardmint({ settings });
    const { access_token } = await own.grant();
    own.advance(580);
    expect((await ask(access_token, 'notes', {}, own)).body['active']).toBe(true);
    own.advance(21);
    expect((await ask(access_token, 'notes', {}, own)).body).toEqual(INACTIVE);
  });

  test('of a refresh token tells what became of its family, long after the denial of its grant has ended', async () => {
    await using own = await startGuardmint({ settings });
    const { exchange } = await own.authorize({ client: { client_id: 'confidential' } });
    const { client_id: _omitted, ...form } = exchange;
    const { body } = await own.post('/token', form, basic('confidential'));
    const refresh = String(body['refresh_token']);
    own.advance(4_000);
    expect((await ask(refresh, 'confidential', {}, own)).body['active']).toBe(true);
    expect((await own.post('/revoke', { token: refresh }, basic('confidential'))).status).toBe(200);
    own.advance(4_000);
    expect((await ask(refresh, 'confidential', {}, own)).body).toEqual(INACTIVE);
  });

  test('never says that a token is bad when it cannot know: 503', async () => {
    const { access_token } = await server.grant();
    const { refresh } = await grantOfConfidential();
    isStoreDown = true;
    try {
      for (const [token, as] of [[access_token, 'notes'] as const, [refresh, 'confidential'] as const]) {
        const answer = await ask(token, as);
        expect([answer.status, answer.body['error']]).toEqual([503, 'temporarily_unavailable']);
        expect(answer.headers.get('retry-after')).toBeTruthy();
        expect(answer.text).not.toContain('active');
      }
    } finally {
      isStoreDown = false;
    }
  });
});

describe('whoever asks', () => {
  test('must keep a credential, and prove it', async () => {
    const { access_token, clientId } = await server.grant();
    const form = { token: access_token };
    const rows = [
      await server.post('/introspect', form),
      await server.post('/introspect', { ...form, client_id: clientId }),
      await server.post('/introspect', { ...form, client_id: 'notes' }),
      await server.post('/introspect', form, {
        authorization: `Basic ${Buffer.from('notes:wrong').toString('base64')}`,
      }),
      await server.post('/introspect', form, { authorization: `Bearer ${access_token}` }),
    ];
    expect(rows.map(({ status }) => status)).toEqual([400, 401, 401, 401, 401]);
    for (const { text } of rows) expect(text).not.toContain('active');
  });

  test('names a token, once, in a form', async () => {
    expect((await server.post('/introspect', {}, basic('notes'))).body['error']).toBe('invalid_request');
    expect((await server.post('/introspect', 'token=a&token=b', basic('notes'))).body['error']).toBe('invalid_request');
    const inUrl = await server.post('/introspect?token=x', {}, basic('notes'));
    expect(inUrl.body['error']).toBe('invalid_request');
    expect((await fetch(`${server.issuer}/introspect`)).status).toBe(405);
    expect((await ask('x')).headers.get('access-control-allow-origin')).toBeNull();
  });

  test('is limited, like anybody', async () => {
    await using own = await startGuardmint({ settings: { ...settings, rateLimits: { enabled: true, introspect: 2 } } });
    const statuses = [];
    for (let count = 0; count < 3; count += 1) statuses.push((await ask('x', 'notes', {}, own)).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  test('must be a configured client with a credential to be named a server of a resource', () => {
    const load = (introspectedBy: string[], clients: object[]) =>
      loadConfig({
        env: {},
        readFile: () => JSON.stringify({ resources: [{ resource: RESOURCE, introspectedBy }], clients }),
      });
    expect(load(['notes'], [serverOf('notes')]).resources[0]?.introspectedBy).toEqual(['notes']);
    const open = { client_id: 'open', redirect_uris: [REDIRECT] };
    for (const named of ['open', 'missing'])
      expect(() => load([named], [serverOf('notes'), open])).toThrow(/keeps a cred/);
  });
});

describe('a signed answer (RFC 9701)', () => {
  const accept = 'application/token-introspection+jwt';

  test('is a JWT for whoever asks for one, and for that one only', async () => {
    const { access_token } = await server.grant();
    const headers = { ...basic('notes'), accept };
    const answer = await server.post('/introspect', { token: access_token }, headers);
    expect(answer.headers.get('content-type')).toBe(accept);
    expect(answer.headers.get('vary')).toContain('Accept');
    const jwks = await (await fetch(`${server.issuer}/.well-known/jwks.json`)).json();
    const { payload } = await jwtVerify(answer.text, createLocalJWKSet(jwks as never), {
      issuer: server.issuer,
      audience: 'notes',
      typ: 'token-introspection+jwt',
    });
    expect(payload['token_introspection']).toMatchObject({ active: true, ...decodeJwt(access_token) });
    expect(Object.keys(payload).toSorted()).toEqual(['aud', 'iat', 'iss', 'token_introspection']);

    const unknown = await server.post('/introspect', { token: 'x' }, headers);
    expect(decodeJwt(unknown.text)['token_introspection']).toEqual(INACTIVE);
  });

  test('is no access token, here or at a validator', async () => {
    const { access_token } = await server.grant();
    const { text } = await server.post('/introspect', { token: access_token }, { ...basic('notes'), accept });
    expect((await ask(text)).body).toEqual(INACTIVE);
  });

  test.each(['*/*', 'application/json', 'text/html', `application/json, ${accept};q=0.5`])(
    'is not given to Accept: %s',
    async (other) => {
      const answer = await server.post('/introspect', { token: 'x' }, { ...basic('notes'), accept: other });
      expect([answer.status, answer.body]).toEqual([200, INACTIVE]);
    },
  );

  test('and the endpoint are in the metadata', async () => {
    const metadata = await (await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)).json();
    expect(metadata).toMatchObject({
      introspection_endpoint: `${server.issuer}/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      introspection_signing_alg_values_supported: ['ES256'],
    });
  });
});
