import { decodeJwt, exportJWK, generateKeyPair } from 'jose';
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createDpopKey, type DpopKey, type ProofChanges } from '../support/dpop.ts';
import { type Answer, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';

const key = await createDpopKey();
const otherKey = await createDpopKey();

type Form = Record<string, string>;

function createTokenClient(server: RunningGuardmint, by: DpopKey = key) {
  const url = `${server.issuer}/token`;
  async function send(form: Form, changes: ProofChanges = {}, headers: Form = {}): Promise<Answer> {
    const proof = await by.prove({ url, now: server.now() }, changes);
    return server.post('/token', form, { dpop: proof, ...headers });
  }
  async function redeem(wanted: Parameters<RunningGuardmint['authorize']>[0] = {}, changes: ProofChanges = {}) {
    const authorized = await server.authorize(wanted);
    const answer = await send(authorized.exchange, changes);
    return { answer, authorized };
  }
  return { url, send, redeem };
}

const refreshForm = (clientId: string, answer: Answer): Form => ({
  grant_type: 'refresh_token',
  client_id: clientId,
  refresh_token: String(answer.body['refresh_token']),
});

describe('the token endpoint, given a DPoP proof', () => {
  test('issues an access token that is bound to the key, as type DPoP [DP-02]', async () => {
    await using server = await startGuardmint();
    const { answer } = await createTokenClient(server).redeem();
    expect(answer.status).toBe(200);
    expect(answer.body['token_type']).toBe('DPoP');
    expect(decodeJwt(String(answer.body['access_token']))['cnf']).toEqual({ jkt: key.jkt });
  });

  test('issues Bearer tokens where there is no proof [DP-02]', async () => {
    await using server = await startGuardmint();
    const granted = await server.grant();
    expect(granted).toMatchObject({ token_type: 'Bearer' });
    expect(decodeJwt(granted.access_token)).not.toHaveProperty('cnf');
  });

  test('says in its metadata which asymmetric algorithms it takes, and takes each [DP-01]', async () => {
    await using server = await startGuardmint();
    const metadata = await (await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)).json();
    const { dpop_signing_alg_values_supported: algorithms } = metadata as Record<string, string[]>;
    expect(algorithms).toEqual(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'RS256']);
    for (const alg of algorithms ?? []) {
      const by = await createDpopKey(alg);
      // Any refusal but that of the proof: the proof was taken.
      const answer = await createTokenClient(server, by).send({ client_id: 'nobody' });
      expect([alg, answer.body['error']]).toEqual([alg, 'invalid_client']);
    }
  });

  test('knows itself by the issuer, not by the Host of the request', async () => {
    await using server = await startGuardmint({ issuerPath: '/tenant' });
    const host = new URL(server.issuer).host;
    const client = createTokenClient(server);
    const claims = { htu: `http://127.0.0.1:${host.split(':')[1]}/tenant/token` };
    expect((await client.send({}, { claims })).body['error']).toBe('invalid_dpop_proof');
    expect((await client.redeem()).answer.status).toBe(200);
  });
});

describe('a proof is refused, and nothing is used up', () => {
  const hmac = { alg: 'HS256' };
  const rows: readonly (readonly [string, ProofChanges | (() => ProofChanges | Promise<ProofChanges>)])[] = [
    ['without jti [DP-06]', { claims: { jti: undefined } }],
    ['with an empty jti', { claims: { jti: '' } }],
    ['with a jti of 257 characters', { claims: { jti: 'j'.repeat(257) } }],
    ['with a jti that is a number', { claims: { jti: 1 } }],
    ['without htm [DP-06]', { claims: { htm: undefined } }],
    ['without htu [DP-06]', { claims: { htu: undefined } }],
    ['without iat [DP-06]', { claims: { iat: undefined } }],
    ['with an iat that is text', { claims: { iat: '1' } }],
    ['with a nonce that is no text', { claims: { nonce: 1 } }],
    ['without jwk [DP-06]', { header: { jwk: undefined } }],
    ['with a kid instead of a jwk', { header: { jwk: undefined, kid: key.jkt } }],
    ['of another typ [DP-07]', { header: { typ: 'JWT' } }],
    ['of typ at+jwt [DP-07]', { header: { typ: 'at+jwt' } }],
    ['without typ [DP-07]', { header: { typ: undefined } }],
    ['for another method [DP-08]', { claims: { htm: 'GET' } }],
    ['for the method in lower case [DP-08]', { claims: { htm: 'post' } }],
    ['for another URL [DP-08]', { claims: { htu: 'https://as.example/token' } }],
    ['for no URL [DP-08]', { claims: { htu: '/token' } }],
    ['with its private key [DP-09]', { header: { jwk: key.privateJwk } }],
    ['signed with another key [DP-14]', { header: { jwk: otherKey.publicJwk } }],
    ['from more than 5 minutes ago [DP-17]', { claims: { iat: -303 } }],
    ['from more than 5 minutes ahead [DP-17]', { claims: { iat: 303 } }],
    ['whose header says b64', { header: { crit: ['b64'], b64: true } }],
    ['whose key is for encryption', { header: { jwk: { ...key.publicJwk, use: 'enc' } } }],
    ['whose key names another algorithm', { header: { jwk: { ...key.publicJwk, alg: 'ES384' } } }],
    ['whose key is symmetric', { header: { jwk: { kty: 'oct', k: 'AAAA' } } }],
    ['whose key is off the curve', { header: { jwk: { ...key.publicJwk, x: key.publicJwk.y } } }],
    ['whose key has spare bits', { header: { jwk: { ...key.publicJwk, x: spareBits(key.publicJwk.x) } } }],
    ['whose key is an array', { header: { jwk: [key.publicJwk] } }],
  ];

  test('in any of these ways', async () => {
    await using server = await startGuardmint();
    const client = createTokenClient(server);
    const authorized = await server.authorize();
    for (const [name, row] of rows) {
      const changes = typeof row === 'function' ? await row() : row;
      const offset = changes.claims?.['iat'];
      const claims = Math.abs(Number(offset)) === 303 ? { iat: server.now() + Number(offset) } : changes.claims;
      const answer = await client.send(authorized.exchange, { ...changes, ...(claims && { claims }) });
      const { status, body } = answer;
      expect([name, status, body['error']]).toEqual([name, 400, 'invalid_dpop_proof']);
      expect(body['error_description']).toBe('The DPoP proof is not valid.');
    }
    expect((await client.send(authorized.exchange)).status).toBe(200);
  });

  test('that is no JWT, is signed symmetrically or not at all, or comes twice [DP-12, DP-13, DP-15]', async () => {
    await using server = await startGuardmint();
    const { exchange } = await server.authorize();
    const good = await key.prove({ url: `${server.issuer}/token`, now: server.now() });
    const [, payload = '', signature = ''] = good.split('.');
    const withHeader = (header: object) => Buffer.from(JSON.stringify(header)).toString('base64url');
    const base = { typ: 'dpop+jwt', jwk: key.publicJwk };
    const proofs = [
      '',
      'x',
      `${good}.`,
      `${good}=`,
      `${good}, ${good}`,
      good.slice(0, -1),
      `${withHeader({ ...base, alg: 'none' })}.${payload}.`,
      `${withHeader({ ...base, alg: 'none' })}.${payload}.${signature}`,
      `${withHeader({ ...base, ...hmac })}.${payload}.${signature}`,
      `${good}${'A'.repeat(8_000)}`,
    ];
    for (const dpop of proofs) {
      const answer = await server.post('/token', exchange, { dpop });
      expect([dpop.slice(-20), answer.status, answer.body['error']]).toEqual([
        dpop.slice(-20),
        400,
        'invalid_dpop_proof',
      ]);
    }
    expect((await server.post('/token', exchange, { dpop: good })).status).toBe(200);
  });

  test('whose RSA key is too short or has the exponent 1', async () => {
    await using server = await startGuardmint();
    const { publicKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    for (const weak of [
      { ...jwk, e: 'AQ' },
      { ...jwk, n: jwk.n?.slice(0, 171) },
    ]) {
      const answer = await createTokenClient(server).send({}, { header: { alg: 'ES256', jwk: weak } });
      expect(answer.body['error']).toBe('invalid_dpop_proof');
    }
  });

  test('up to 5 minutes old or ahead it counts [DP-17]', async () => {
    await using server = await startGuardmint();
    // The clock goes on while the request is made.
    for (const offset of [-280, 300]) {
      const claims = { iat: server.now() + offset };
      expect((await createTokenClient(server).redeem({}, { claims })).answer.status).toBe(200);
    }
  });
});

describe('a used proof', () => {
  test('is refused by every instance that shares the store', async () => {
    const shared = createMemoryStore({
      clock: () => Math.floor(performance.timeOrigin / 1_000 + performance.now() / 1_000),
    });
    await using one = await startGuardmint({ store: () => shared });
    await using other = await startGuardmint({ store: () => shared });
    const claims = { jti: 'the one' };
    expect((await createTokenClient(one).redeem({}, { claims })).answer.status).toBe(200);
    const { answer: again } = await createTokenClient(other).redeem({}, { claims });
    expect(other.events.findLast(({ event }) => event === 'request.refused')?.['reason']).toBe('dpop_proof_replayed');
    expect(again.body['error']).toBe('invalid_dpop_proof');
  });

  test('is used once by concurrent requests, whether the store remembers it or the process', async () => {
    for (const strict of [true, false]) {
      await using server = await startGuardmint({ settings: { dpop: { strict } } });
      const client = await server.register();
      const authorized = await Promise.all(Array.from({ length: 6 }, () => server.authorize({ client })));
      const dpop = await key.prove({ url: `${server.issuer}/token`, now: server.now() });
      const answers = await Promise.all(authorized.map(({ exchange }) => server.post('/token', exchange, { dpop })));
      const errors = answers.map(({ body }) => body['error']);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(errors.filter((error) => error === 'invalid_dpop_proof')).toHaveLength(5);
    }
  });
});

test('a proof with nothing to be exchanged is not remembered: strangers fill no store', async () => {
  const store = createMemoryStore({ clock: () => Math.floor((performance.timeOrigin + performance.now()) / 1000) });
  const spent: string[] = [];
  const consumeOnce: typeof store.oneTime.consumeOnce = (marker) => {
    spent.push(marker.kind);
    return store.oneTime.consumeOnce(marker);
  };
  await using server = await startGuardmint({
    store: () => ({ ...store, oneTime: { ...store.oneTime, consumeOnce } }),
  });
  const { client_id } = await server.register();
  const dpop = () => key.prove({ url: `${server.issuer}/token`, now: server.now() });
  for (const form of [
    { grant_type: 'refresh_token', refresh_token: 'gmr_x', client_id },
    { grant_type: 'authorization_code', code: 'x', code_verifier: 'x'.repeat(43), client_id },
    { grant_type: 'client_credentials', client_id },
  ])
    expect((await server.post('/token', form, { dpop: await dpop() })).status).toBe(400);

  expect(spent).toEqual([]);
});

describe('nonces', () => {
  test('are asked for, taken from any instance for some minutes, and renewed [DP-04]', async () => {
    await using server = await startGuardmint({ settings: { dpop: { nonce: 'required' } } });
    const client = createTokenClient(server);
    const authorized = await server.authorize();

    const asked = await client.send(authorized.exchange);
    expect([asked.status, asked.body['error']]).toEqual([400, 'use_dpop_nonce']);
    expect(asked.headers.get('access-control-expose-headers')).toContain('DPoP-Nonce');
    const nonce = asked.headers.get('dpop-nonce') ?? '';
    expect(nonce).toMatch(/^[\w.-]+$/);

    server.advance(50);
    const issued = await client.send(authorized.exchange, { claims: { nonce } });
    expect(issued.body['token_type']).toBe('DPoP');
    expect(issued.headers.get('dpop-nonce')).toBe(nonce);

    server.advance(120);
    const refresh = refreshForm(authorized.clientId, issued);
    const renewed = await client.send(refresh, { claims: { nonce } });
    expect(renewed.status).toBe(200);
    expect(renewed.headers.get('dpop-nonce')).not.toBe(nonce);
    server.advance(300);
    expect((await client.send(refresh, { claims: { nonce } })).body['error']).toBe('use_dpop_nonce');
  });

  test('of a pending request, a code or another server are none', async () => {
    await using server = await startGuardmint({ settings: { dpop: { nonce: 'required' } } });
    await using stranger = await startGuardmint({ settings: { dpop: { nonce: 'required' } } });
    const foreign = await createTokenClient(stranger).send({});
    const { code } = await server.authorize();
    for (const nonce of [foreign.headers.get('dpop-nonce'), code, 'x', '']) {
      const answer = await createTokenClient(server).send({}, { claims: { nonce: nonce ?? undefined } });
      expect(answer.status).toBe(400);
      expect(['use_dpop_nonce', 'invalid_dpop_proof']).toContain(answer.body['error']);
    }
  });
});

describe('refresh tokens', () => {
  test('of a public client are bound to its key, and not replaced [DP-05]', async () => {
    await using server = await startGuardmint();
    const client = createTokenClient(server);
    const { answer, authorized } = await client.redeem();
    const form = refreshForm(authorized.clientId, answer);

    const stolen = await server.post('/token', form);
    const unknown = await server.post('/token', { ...form, refresh_token: 'gmr_unknown' });
    expect([stolen.status, stolen.text]).toEqual([unknown.status, unknown.text]);
    expect((await createTokenClient(server, otherKey).send(form)).text).toBe(unknown.text);

    const [one, two] = [await client.send(form), await client.send(form)];
    expect([one.body['refresh_token'], two.body['refresh_token']]).toEqual([form.refresh_token, form.refresh_token]);
    expect(decodeJwt(String(two.body['access_token']))['cnf']).toEqual({ jkt: key.jkt });
  });

  test('of a confidential client are not: its credential binds them, and its key may change', async () => {
    await using server = await startGuardmint();
    const registered = await server.register({ token_endpoint_auth_method: 'client_secret_post' });
    const secret = { client_secret: registered.client_secret ?? '' };
    const { exchange } = await server.authorize({ client: registered });
    const answer = await createTokenClient(server).send({ ...exchange, ...secret });
    const form = { ...refreshForm(registered.client_id, answer), ...secret };
    const renewed = await createTokenClient(server, otherKey).send(form);
    expect(decodeJwt(String(renewed.body['access_token']))['cnf']).toEqual({ jkt: otherKey.jkt });
  });

  test('and bound access tokens are revoked like any other', async () => {
    await using server = await startGuardmint();
    const client = createTokenClient(server);
    const { answer, authorized } = await client.redeem();
    const { clientId } = authorized;
    const token = String(answer.body['access_token']);
    expect((await server.post('/revoke', { client_id: clientId, token })).status).toBe(200);
    expect((await client.send(refreshForm(clientId, answer))).body['error']).toBe('invalid_grant');
  });
});

describe('a client that wants bound tokens only [DP-03]', () => {
  test('is told so when it registers, and refused without a proof at every request', async () => {
    await using server = await startGuardmint();
    const registered = await server.register({ dpop_bound_access_tokens: true });
    expect(registered['dpop_bound_access_tokens']).toBe(true);
    const { exchange } = await server.authorize({ client: registered });
    const bare = await server.post('/token', exchange);
    expect([bare.status, bare.body['error']]).toEqual([400, 'invalid_dpop_proof']);
    const answer = await createTokenClient(server).send(exchange);
    expect(answer.body['token_type']).toBe('DPoP');
    const refresh = await server.post('/token', refreshForm(registered.client_id, answer));
    expect(refresh.body['error']).toBe('invalid_dpop_proof');
  });

  test('may be configured so', async () => {
    const redirect_uris = ['http://127.0.0.1:7777/callback'];
    const clients = [{ client_id: 'bound', redirect_uris, dpop_bound_access_tokens: true }];
    await using server = await startGuardmint({ settings: { clients } });
    const { exchange } = await server.authorize({ client: { client_id: 'bound' } });
    expect((await server.post('/token', exchange)).body['error']).toBe('invalid_dpop_proof');
  });
});

describe('dpop_jkt', () => {
  test('binds the code to the key it names (RFC 9449 §10)', async () => {
    await using server = await startGuardmint();
    const { exchange } = await server.authorize({ parameters: { dpop_jkt: key.jkt } });
    expect((await server.post('/token', exchange)).body['error']).toBe('invalid_grant');
    expect((await createTokenClient(server, otherKey).send(exchange)).body['error']).toBe('invalid_grant');
    expect((await createTokenClient(server).send(exchange)).status).toBe(200);
  });

  test.each(['x', `${key.jkt}=`, 'A'.repeat(44), ' '.repeat(43)])(
    'that is no thumbprint is refused: %j',
    async (jkt) => {
      await using server = await startGuardmint();
      const redirect = await server.person().authorize(await authorizationUrl(server, jkt));
      expect(redirect.searchParams.get('error')).toBe('invalid_request');
    },
  );
});

async function authorizationUrl(server: RunningGuardmint, jkt: string): Promise<string> {
  const { client_id } = await server.register();
  const query = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: 'http://127.0.0.1:7777/callback',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    dpop_jkt: jkt,
  });
  return `${server.issuer}/authorize?${query}`;
}

/** The same bytes in another spelling, which decoders take for the same. */
function spareBits(text = ''): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1) ?? '') + 1];
}
