import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import {
  type DpopOptions,
  getAccessToken,
  protectedResourceDocument,
  UnavailableError,
} from '../../src/resource/index.ts';
import { bearerAuth, requireScopes } from '../../src/resource/koa.ts';
import { bearerGate } from '../../src/resource/mcp.ts';
import { createDpopKey, type ProofChanges } from '../support/dpop.ts';
import { testSigner } from '../support/keys.ts';
import { serve } from '../support/serve.ts';
import { createTestClock, forge, NOW, RESOURCE, verifierOf } from './issuer.ts';

const key = await createDpopKey();
const otherKey = await createDpopKey();
const ALGS = 'ES256 ES384 ES512 EdDSA Ed25519 PS256 RS256';
const METADATA = 'resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp"';
const bound = forge({ claims: { cnf: { jkt: key.jkt } } });
const unbound = forge();

interface Sent {
  readonly token?: string;
  readonly scheme?: string;
  readonly path?: string;
  readonly by?: typeof key;
  readonly method?: string;
  readonly changes?: ProofChanges;
  readonly proofs?: readonly string[];
}

/** A Koa app and a gate of web handlers over one verifier, asked the same. */
async function guarded(dpop?: DpopOptions, scopes: readonly string[] = ['mcp:read']) {
  const clock = createTestClock();
  const verifier = verifierOf([testSigner()], { clock: clock.read, ...(dpop !== undefined && { dpop }) });
  const app = new Koa();
  app.silent = true;
  app.use(bearerAuth({ verifier }));
  app.use(requireScopes(...scopes));
  app.use((ctx) => {
    ctx.body = { jti: getAccessToken()?.jti };
  });
  const served = await serve(() => app);
  const gate = bearerGate({ verifier, requiredScopes: scopes });

  async function prove({ token = bound, path = '/mcp', by = key, method = 'POST', changes = {} }: Sent) {
    const url = `https://mcp.example.test${path}`;
    return by.prove({ method, url, now: clock.now, accessToken: token }, changes);
  }

  async function ask(sent: Sent = {}) {
    const { token = bound, scheme = 'DPoP', path = '/mcp', method = 'POST' } = sent;
    const proofs = sent.proofs ?? [await prove(sent)];
    const headers = { authorization: `${scheme} ${token}` };
    return new Promise<{ status: number; challenge: string | undefined; nonce: string | undefined; body: unknown }>(
      (resolve, reject) => {
        const request = httpRequest(served.origin + path, { method });
        request.setHeader('authorization', headers.authorization);
        if (proofs.length > 0) request.setHeader('DPoP', proofs);
        request.on('error', reject);
        request.on('response', (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              challenge: response.headers['www-authenticate'],
              nonce: response.headers['dpop-nonce'] as string | undefined,
              body: JSON.parse(Buffer.concat(chunks).toString()),
            }),
          );
        });
        request.end();
      },
    );
  }

  /** The same by way of the web gate. */
  async function askGate(sent: Sent = {}): Promise<number> {
    const { token = bound, scheme = 'DPoP', path = '/mcp', method = 'POST' } = sent;
    const proofs = sent.proofs ?? [await prove(sent)];
    const headers = new Headers({ authorization: `${scheme} ${token}` });
    for (const proof of proofs) headers.append('dpop', proof);
    const answer = await gate(new Request(`http://internal:8080${path}`, { method, headers }));
    return answer instanceof Response ? answer.status : 200;
  }

  return { ask, askGate, prove, verifier, clock, [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() };
}

const PROOF_REFUSED = `DPoP error="invalid_dpop_proof", error_description="The DPoP proof is not valid.", scope="mcp:read", ${METADATA}`;

describe('a bound token', () => {
  test('is taken with a proof of its key, from Koa and web handlers', async () => {
    await using app = await guarded();
    expect(await app.ask()).toMatchObject({ status: 200, body: { jti: 'jti-1' } });
    expect(await app.ask({ scheme: 'dpop', method: 'GET', path: '/mcp/deeper?query=1' })).toMatchObject({
      status: 200,
    });
    expect(await app.askGate()).toBe(200);
    const iat = app.clock.now - 300;
    expect(await app.ask({ changes: { claims: { iat } } })).toMatchObject({ status: 200 });
  });

  test('is no Bearer token, first seen or remembered [DP-11]', async () => {
    await using app = await guarded();
    const answer = await app.ask({ scheme: 'Bearer', proofs: [] });
    expect(answer.status).toBe(401);
    expect(answer.challenge).toMatch(/^Bearer error="invalid_token"/);
    expect((await app.ask()).status).toBe(200);
    expect((await app.ask({ scheme: 'Bearer', proofs: [] })).status).toBe(401);
    expect((await app.ask({ scheme: 'Bearer' })).status).toBe(401);
    expect(await app.askGate({ scheme: 'Bearer' })).toBe(401);
    expect(await app.verifier.loadAccessToken(bound)).toBeUndefined();
    await expect(app.verifier.verifyAccessToken(bound)).rejects.toMatchObject({ code: 'invalid_token' });
  });

  test('for another resource is refused, whatever its proof [DP-18]', async () => {
    await using app = await guarded();
    const token = forge({ claims: { cnf: { jkt: key.jkt }, aud: 'https://other.example.test/mcp' } });
    const answer = await app.ask({ token });
    expect([answer.status, answer.challenge]).toEqual([
      401,
      `DPoP error="invalid_token", error_description="The access token is not valid.", scope="mcp:read", ${METADATA}`,
    ]);
  });

  test.each([
    ['expired', { exp: NOW - 60 }],
    ['bound in a way we do not know', { cnf: { 'x5t#S256': key.jkt } }],
    ['bound in two ways', { cnf: { jkt: key.jkt, 'x5t#S256': key.jkt } }],
    ['bound to what is no thumbprint', { cnf: { jkt: 'x' } }],
    ['bound to nothing', { cnf: {} }],
  ])('that is %s is refused by either scheme', async (_name, claims) => {
    await using app = await guarded();
    const token = forge({ claims: { cnf: { jkt: key.jkt }, ...claims } });
    expect((await app.ask({ token })).status).toBe(401);
    expect((await app.ask({ token, scheme: 'Bearer', proofs: [] })).status).toBe(401);
  });

  test('without the scope is told so in its own scheme', async () => {
    await using app = await guarded(undefined, ['admin']);
    const answer = await app.ask();
    expect(answer.status).toBe(403);
    expect(answer.challenge).toMatch(/^DPoP error="insufficient_scope".*scope="admin"/);
    expect(await app.askGate()).toBe(403);
  });
});

describe('a Bearer token', () => {
  test('is none under the scheme DPoP, first seen or remembered', async () => {
    await using app = await guarded();
    expect((await app.ask({ token: unbound })).status).toBe(401);
    expect((await app.ask({ token: unbound, scheme: 'Bearer', proofs: [] })).status).toBe(200);
    expect((await app.ask({ token: unbound })).status).toBe(401);
  });

  test('is refused where proof is required, and the challenge says what is wanted', async () => {
    await using app = await guarded({ required: true });
    const answer = await app.ask({ token: unbound, scheme: 'Bearer', proofs: [] });
    expect(answer.status).toBe(401);
    expect(answer.challenge).toMatch(new RegExp(`^DPoP error="invalid_token".*algs="${ALGS}"$`));
    expect(await app.verifier.loadAccessToken(unbound)).toBeUndefined();
    expect((await app.ask()).status).toBe(200);
  });
});

describe('a proof is refused with 401 and a challenge that says so [DP-21]', () => {
  const rows: readonly (readonly [string, Sent])[] = [
    ['without jti [DP-06]', { changes: { claims: { jti: undefined } } }],
    ['without htm [DP-06]', { changes: { claims: { htm: undefined } } }],
    ['without htu [DP-06]', { changes: { claims: { htu: undefined } } }],
    ['without iat [DP-06]', { changes: { claims: { iat: undefined } } }],
    ['without jwk [DP-06]', { changes: { header: { jwk: undefined } } }],
    ['without ath [DP-06]', { changes: { claims: { ath: undefined } } }],
    ['of another typ [DP-07]', { changes: { header: { typ: 'JWT' } } }],
    ['for another host [DP-08]', { changes: { claims: { htu: 'https://evil.example/mcp' } } }],
    ['for another path [DP-08]', { changes: { claims: { htu: `${RESOURCE}/x` } } }],
    ['for another method [DP-08]', { changes: { claims: { htm: 'GET' } } }],
    ['with its private key [DP-09]', { changes: { header: { jwk: key.privateJwk } } }],
    ['for another token [DP-10]', { changes: { claims: { ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo' } } }],
    ['signed with another key [DP-14]', { changes: { header: { jwk: otherKey.publicJwk } } }],
    ['of another key than the token [DP-16]', { by: otherKey }],
    ['from 303 s ago [DP-17]', { changes: { claims: { iat: NOW - 303 } } }],
    ['from 303 s ahead [DP-17]', { changes: { claims: { iat: NOW + 303 } } }],
    ['that is missing', { proofs: [] }],
    ['that is empty', { proofs: [''] }],
    ['that is no JWT [DP-13]', { proofs: ['x.y.z'] }],
  ];

  test.each(rows)('%s', async (_name, sent) => {
    await using app = await guarded();
    const answer = await app.ask(sent);
    expect(answer).toEqual({
      status: 401,
      challenge: PROOF_REFUSED,
      nonce: undefined,
      body: { error: 'invalid_dpop_proof', error_description: 'The DPoP proof is not valid.' },
    });
    expect(await app.askGate(sent)).toBe(401);
  });

  test('in two headers, one of them good [DP-12]', async () => {
    await using app = await guarded();
    const [one, two] = [await app.prove({}), await app.prove({})];
    for (const proofs of [
      [one, two],
      ['', two],
      [one, one],
    ]) {
      expect((await app.ask({ proofs })).challenge).toBe(PROOF_REFUSED);
      expect(await app.askGate({ proofs })).toBe(401);
    }
    expect((await app.ask({ proofs: [one] })).status).toBe(200);
  });

  test('signed symmetrically, or not at all [DP-15]', async () => {
    await using app = await guarded();
    const [, payload = '', signature = ''] = (await app.prove({})).split('.');
    for (const alg of ['none', 'HS256', 'es256']) {
      const header = Buffer.from(JSON.stringify({ alg, typ: 'dpop+jwt', jwk: key.publicJwk })).toString('base64url');
      for (const end of [signature, ''])
        expect((await app.ask({ proofs: [`${header}.${payload}.${end}`] })).challenge).toBe(PROOF_REFUSED);
    }
  });

  test('used before, also by concurrent requests', async () => {
    await using app = await guarded();
    const proofs = [await app.prove({})];
    const answers = await Promise.all(Array.from({ length: 8 }, () => app.ask({ proofs })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ challenge }) => challenge === PROOF_REFUSED)).toHaveLength(7);
  });
});

describe('used proofs', () => {
  test('may be remembered where replicas share it; an outage there blames nobody', async () => {
    const seen = new Set<string>();
    let isDown = false;
    const replays = {
      async consumeOnce({ id, expiresAt }: { id: string; expiresAt: number }) {
        if (isDown) throw new UnavailableError('the memory of proofs');
        expect(id).toMatch(/^[\w-]{43}$/);
        expect(expiresAt).toBeGreaterThan(NOW + 299);
        if (seen.has(id)) return 'again';
        seen.add(id);
        return 'first';
      },
    } as const;
    await using one = await guarded({ replays });
    await using other = await guarded({ replays });
    const jti = randomUUID();
    expect((await one.ask({ changes: { claims: { jti } } })).status).toBe(200);
    expect((await other.ask({ changes: { claims: { jti } } })).status).toBe(401);
    // Another key may use the same jti.
    const token = forge({ claims: { cnf: { jkt: otherKey.jkt } } });
    expect((await other.ask({ token, by: otherKey, changes: { claims: { jti } } })).status).toBe(200);
    isDown = true;
    expect((await one.ask()).status).toBe(503);
  });
});

describe('nonces [DP-19]', () => {
  const nonceSecret = 'a secret that all replicas of one server share';

  test('are asked for, taken by every replica, and renewed', async () => {
    await using one = await guarded({ nonceSecret });
    await using other = await guarded({ nonceSecret });
    const asked = await one.ask();
    expect([asked.status, asked.challenge]).toEqual([
      401,
      `DPoP error="use_dpop_nonce", error_description="The DPoP proof must carry the nonce of this server.", scope="mcp:read", ${METADATA}, algs="${ALGS}"`,
    ]);
    const nonce = asked.nonce ?? '';
    const taken = await other.ask({ changes: { claims: { nonce } } });
    expect([taken.status, taken.nonce]).toEqual([200, nonce]);

    one.clock.now += 200;
    const renewed = await one.ask({ changes: { claims: { nonce } } });
    expect(renewed.status).toBe(200);
    expect(renewed.nonce).not.toBe(nonce);
    one.clock.now += 300;
    expect((await one.ask({ changes: { claims: { nonce } } })).challenge).toContain('use_dpop_nonce');
    for (const made of ['x', 'made up'])
      expect((await one.ask({ changes: { claims: { nonce: made } } })).challenge).toContain('use_dpop_nonce');
  });

  test('of another secret are none, and a short secret is refused', async () => {
    await using one = await guarded({ nonceSecret });
    await using other = await guarded({ nonceSecret: nonceSecret.toUpperCase() });
    const { nonce } = await one.ask();
    expect((await other.ask({ changes: { claims: { nonce } } })).status).toBe(401);
    expect(() => verifierOf([testSigner()], { dpop: { nonceSecret: 'x'.repeat(31) } })).toThrow(TypeError);
  });
});

describe('what is told of DPoP', () => {
  test('is nothing unless the options speak of it', async () => {
    await using app = await guarded();
    const { challenge } = await app.ask({ token: 'x', scheme: 'Bearer', proofs: [] });
    expect(challenge).not.toContain('DPoP');
  });

  test('is a challenge of its own after that for Bearer, which clients read first', async () => {
    await using app = await guarded({});
    const { challenge } = await app.ask({ token: 'x', scheme: 'Bearer', proofs: [] });
    expect(challenge).toBe(
      `Bearer error="invalid_token", error_description="The access token is not valid.", scope="mcp:read", ${METADATA}, DPoP algs="${ALGS}"`,
    );
    expect((await app.ask({ token: 'x', scheme: 'Basic', proofs: [] })).challenge).toBe(
      `Bearer scope="mcp:read", ${METADATA}, DPoP algs="${ALGS}"`,
    );
  });

  test('stands in the resource metadata (RFC 9728 §2) [DP-20]', () => {
    const about = { resource: RESOURCE, authorizationServers: ['https://as.example.test'] };
    expect(protectedResourceDocument(about)).not.toHaveProperty('dpop_signing_alg_values_supported');
    const { dpop } = verifierOf([testSigner()], { dpop: { required: true } });
    expect(protectedResourceDocument({ ...about, dpop })).toMatchObject({
      dpop_signing_alg_values_supported: ALGS.split(' '),
      dpop_bound_access_tokens_required: true,
    });
  });
});

test('a proxy that changes paths: the URL clients know is what the application says', async () => {
  const verifier = verifierOf([testSigner()]);
  const gate = bearerGate({ verifier, requestUrl: () => RESOURCE });
  const proof = await key.prove({ method: 'GET', url: RESOURCE, now: NOW, accessToken: bound });
  const request = new Request('http://internal/rewritten', {
    headers: { authorization: `DPoP ${bound}`, dpop: proof },
  });
  expect(await gate(request)).toMatchObject({ clientId: 'client-1' });
});
