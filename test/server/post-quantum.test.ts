import { JwtVerifier } from 'aws-jwt-verify';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import Koa from 'koa';
import nodeJose from 'node-jose';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/index.ts';
import { createFileKeyBackend } from '../../src/keys/index.ts';
import { systemClock, systemRandom } from '../../src/platform/index.ts';
import { createVerifier, getAccessToken } from '../../src/resource/index.ts';
import { bearerAuth } from '../../src/resource/koa.ts';
import { createKeyFolder, DAY, openRing } from '../keys/key-folder.ts';
import { RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { serve } from '../support/serve.ts';

const PATH = '/.well-known/jwks-pq.json';
const ON = { keys: { postQuantum: true, algorithm: 'ML-DSA-44' } };
const verifierOf = (server: RunningGuardmint) =>
  createVerifier({
    issuer: server.issuer,
    resource: RESOURCE,
    algorithms: ['ES256', 'ML-DSA-44'],
    clock: server.now,
  });
const metadataOf = async ({ issuer }: RunningGuardmint) =>
  (await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json()) as Record<string, unknown>;

describe('a server that signs with ML-DSA-44', () => {
  test('signs people in; its tokens and its revocations count at a resource server and in jose', async () => {
    await using server = await startGuardmint({ settings: ON });
    const granted = await server.grant();
    const token = granted.access_token;
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'ML-DSA-44', typ: 'at+jwt' });

    const metadata = await metadataOf(server);
    expect(metadata).toMatchObject({
      jwks_uri: `${server.issuer}/.well-known/jwks.json`,
      post_quantum_jwks_uri: server.issuer + PATH,
    });
    const set = createRemoteJWKSet(new URL(String(metadata['post_quantum_jwks_uri'])));
    await jwtVerify(token, set, { issuer: server.issuer, audience: RESOURCE, typ: 'at+jwt' });

    using verifier = verifierOf(server);
    const app = new Koa().use(bearerAuth({ verifier })).use((ctx) => {
      ctx.body = getAccessToken()?.clientId;
    });
    await using resource = await serve(() => app);
    const answer = await fetch(resource.origin, { headers: { authorization: `Bearer ${token}` } });
    expect(await answer.text()).toBe(granted.clientId);
    expect(verifier.state().revocations).toMatchObject({ freshness: 'fresh' });
    const form = { token, client_id: granted.clientId };
    expect((await server.post('/revoke', form)).status).toBe(200);
    using other = verifierOf(server);
    expect(await other.loadAccessToken(token)).toBeUndefined();
    const refresh = { grant_type: 'refresh_token', refresh_token: granted.refresh_token, client_id: granted.clientId };
    expect((await server.post('/token', refresh)).status).toBeLessThan(500);
  });

  test('serves the second set under its own entity tag and the rules of the first, which has no AKP key', async () => {
    await using server = await startGuardmint({ settings: ON });
    const [first, second] = await Promise.all(
      ['/.well-known/jwks.json', PATH].map((path) => fetch(server.issuer + path)),
    );
    expect(await first?.text()).toBe('{"keys":[]}');
    const text = (await second?.text()) ?? '';
    expect(JSON.parse(text).keys.map(({ kty }: { kty: string }) => kty)).toEqual(['AKP', 'AKP']);
    expect(text).not.toContain('"priv"');
    expect(server.lines.join('')).not.toMatch(/"priv"/);
    for (const name of ['cache-control', 'content-type', 'access-control-allow-origin'])
      expect(second?.headers.get(name), name).toBe(first?.headers.get(name));
    const etag = second?.headers.get('etag') ?? '';
    expect(etag).not.toBe(first?.headers.get('etag'));
    expect((await fetch(server.issuer + PATH, { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await fetch(server.issuer + PATH, { method: 'POST' })).status).toBe(405);
  });

  test('ends a stolen key as any other: out of the set, and refused by validators', async () => {
    await using server = await startGuardmint({ settings: ON });
    const token = (await server.grant()).access_token;
    using verifier = verifierOf(server);
    expect(await verifier.loadAccessToken(token)).toBeDefined();

    const { kid } = server.guardmint.keys.signer();
    const directory = String(server.settings['keysDir']);
    await createFileKeyBackend({ directory, random: systemRandom }).revoke(kid, server.now());
    await expect.poll(() => verifier.loadAccessToken(token), { timeout: 10_000 }).toBeUndefined();
    expect(await (await fetch(server.issuer + PATH)).text()).not.toContain(kid);
    const next = (await server.grant()).access_token;
    expect(decodeProtectedHeader(next)).toMatchObject({ alg: 'ML-DSA-44' });
    expect(await verifier.loadAccessToken(next)).toBeDefined();
  });

  test('has neither the set nor the member while it is off', async () => {
    await using server = await startGuardmint();
    expect((await fetch(server.issuer + PATH)).status).toBe(404);
    expect(await metadataOf(server)).not.toHaveProperty('post_quantum_jwks_uri');
  });

  test('takes over from ES256: no valid token is refused, and who reads the first set alone is unharmed', async () => {
    await using folder = await createKeyFolder();
    const inForceAt = systemClock() + 120;
    const daysEarlier = (days: number) => ({ now: inForceAt - days * DAY });
    await (await openRing(folder.directory, daysEarlier(60))).ring.close();
    await (await openRing(folder.directory, { algorithm: 'ML-DSA-44', ...daysEarlier(30) })).ring.close();
    await using server = await startGuardmint({ settings: { ...ON, keysDir: folder.directory } });
    const { issuer } = server;
    const first = `${issuer}/.well-known/jwks.json`;
    using ours = verifierOf(server);
    const jose = createRemoteJWKSet(new URL(first));
    const bySecond = createRemoteJWKSet(new URL(issuer + PATH));
    const aws = awsVerifier(issuer, first);
    const claims = { issuer, audience: RESOURCE };

    const classical = (await server.grant()).access_token;
    expect(decodeProtectedHeader(classical).alg).toBe('ES256');
    expect(await ours.loadAccessToken(classical)).toBeDefined();
    await aws.verify(classical);
    server.advance(121);
    const postQuantum = (await server.grant()).access_token;
    expect(decodeProtectedHeader(postQuantum).alg).toBe('ML-DSA-44');

    using fresh = verifierOf(server);
    for (const token of [classical, postQuantum]) {
      expect(await ours.loadAccessToken(token)).toBeDefined();
      expect(await fresh.loadAccessToken(token)).toBeDefined();
    }
    await jwtVerify(postQuantum, bySecond, claims);
    await jwtVerify(classical, jose, claims);
    await aws.verify(classical);
    await awsVerifier(issuer, first).verify(classical);
    // Why there are two sets: node-jose takes the first, and nothing of one that has both.
    const setOf = async (url: string) => ((await (await fetch(url)).json()) as { keys: object[] }).keys;
    const [classicalKeys, postQuantumKeys] = [await setOf(first), await setOf(issuer + PATH)];
    const keystore = await nodeJose.JWK.asKeyStore({ keys: classicalKeys });
    await nodeJose.JWS.createVerify(keystore).verify(classical);
    const both = { keys: [...classicalKeys, ...postQuantumKeys] };
    await expect(nodeJose.JWK.asKeyStore(both)).rejects.toThrow('unsupported key type');
  });

  test('does not start with the flag off while such keys are there, and is told which', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory, { algorithm: 'ML-DSA-44', now: systemClock() });
    const refusal = await startGuardmint({ settings: { keysDir: folder.directory } }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConfigError);
    expect(String(refusal)).toContain('keys.postQuantum: must be on while there are ML-DSA-44 keys');
    expect(String(refusal)).toContain(keys.ring.signer().kid);
  });
});

function awsVerifier(issuer: string, jwksUri: string) {
  // Its own fetcher speaks https only.
  const fetcher = { fetch: async (uri: string) => await (await fetch(uri)).arrayBuffer() };
  const jwksCache = new SimpleJwksCache({ fetcher });
  return JwtVerifier.create({ issuer, audience: RESOURCE, jwksUri }, { jwksCache });
}
