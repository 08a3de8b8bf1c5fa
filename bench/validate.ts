/**
 * Validation of access tokens on one thread: this library, the raw `crypto.verify` underneath, and the libraries people
 * use instead. All contenders take turns in one run; every call gets a freshly allocated string, as a server does from a
 * request header (the same string object twice flatters whatever hashes strings).
 */
import { constants, createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { JwtVerifier } from 'aws-jwt-verify';
import { createVerifier as createFastVerifier } from 'fast-jwt';
import { createLocalJWKSet, createRemoteJWKSet, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { createVerifier, type RevocationSource, type Verifier } from '../src/resource/index.ts';
import { ecdsaToDer, pssPublicKeyInfo } from '../src/resource/runtime/der.ts';
import { type Contender, formatTable, type Reached, takeTurns, timesFaster } from './support/rounds.ts';
import {
  type Algorithm,
  type BenchKey,
  generateBenchKey,
  ISSUER,
  RESOURCE,
  signBenchTokens,
} from './support/tokens.ts';

const ALGORITHMS: readonly Algorithm[] = ['ES256', 'EdDSA', 'RS256', 'PS256'];
const LIVE_TOKENS = 10_000;
const DENIED = 10_000;
const COLD_BATCH = 300;
const ONE_BY_ONE_BATCH = 100;
const ROUNDS = 21;

interface JsonWebTokenLibrary {
  verify(token: string, key: unknown, options: object): unknown;
}
const jsonwebtoken: JsonWebTokenLibrary = createRequire(import.meta.url)('jsonwebtoken');

interface Goal {
  readonly goal: string;
  readonly wanted: number;
  readonly reached: number;
  readonly isReached: boolean;
}

export async function run(print: (line?: string) => void): Promise<object> {
  const results: Record<string, { hot: object; cold: object }> = {};
  const goals: Goal[] = [];
  for (const alg of ALGORITHMS) {
    const key = await generateBenchKey(alg);
    const tokens = await signBenchTokens(key, LIVE_TOKENS);
    await using jwksServer = await serveJwks(key);
    const remote = createRemoteJWKSet(new URL(jwksServer.url), { cacheMaxAge: 3_600_000 });
    const hot = await takeTurns(await hotContenders(key, tokens, remote), ROUNDS);
    const cold = await takeTurns(coldContenders(key, tokens, remote), ROUNDS);
    results[alg] = { hot: summary(hot), cold: summary(cold) };
    goals.push(...judge(alg, hot, cold));
    print(`\n${alg}, ${tokens[0]?.length} bytes, hot: ${LIVE_TOKENS} live tokens, ${DENIED} denied`);
    print(formatResults(hot, 'guardmint'));
    print(`\n${alg}, cold: every token for the first time`);
    print(formatResults(cold, rawName(alg)));
  }
  print('\nGoals');
  print(
    formatTable(
      goals.map(({ goal, wanted, reached, isReached }) => [
        goal,
        `${reached.toFixed(2)} ×`,
        `wanted ${wanted.toFixed(2)}`,
        isReached ? 'reached' : 'MISSED',
      ]),
    ),
  );
  return { node: process.version, results, goals };
}

async function hotContenders(key: BenchKey, tokens: readonly Buffer[], remote: JWTVerifyGetKey): Promise<Contender[]> {
  const denylist = createDenylist();
  const verifier = guardmint(key, { revocations: denylist });
  const fast = createFastVerifier({ ...fastJwtOptions(key), cache: LIVE_TOKENS * 2 });
  await loadAll(verifier, tokens);
  for (const bytes of tokens) fast(bytes.toString('latin1'));
  return [
    { name: 'making the string', size: tokens.length, batch: () => each(tokens, (token) => token.length > 0) },
    { name: 'guardmint', size: tokens.length, batch: () => loadAll(verifier, tokens) },
    {
      name: 'guardmint, denylist just changed',
      size: tokens.length,
      batch: () => {
        denylist.change();
        return loadAll(verifier, tokens);
      },
    },
    { name: 'fast-jwt with cache', size: tokens.length, batch: () => each(tokens, (token) => fast(token)) },
    joseContender('jose remote set', tokens, remote),
  ];
}

function coldContenders(key: BenchKey, tokens: readonly Buffer[], remote: JWTVerifyGetKey): Contender[] {
  const batch = tokens.slice(0, COLD_BATCH);
  const size = batch.length;
  const verifier = guardmint(key, { cacheSize: 0 });
  const fast = createFastVerifier(fastJwtOptions(key));
  const contenders: Contender[] = [
    ...rawContenders(key, batch),
    { name: 'guardmint', size, batch: () => loadAll(verifier, batch) },
    { name: 'fast-jwt', size, batch: () => each(batch, (token) => fast(token)) },
    joseContender('jose remote set', batch, remote),
    joseContender('jose local set', batch, createLocalJWKSet({ keys: [key.jwk] })),
  ];
  if (key.alg !== 'EdDSA') {
    const options = { algorithms: [key.alg], issuer: ISSUER, audience: RESOURCE };
    const check = (token: string) => jsonwebtoken.verify(token, key.publicKey, options);
    contenders.push({ name: 'jsonwebtoken', size, batch: () => each(batch, check) });
  }
  if (key.alg !== 'PS256') {
    const aws = JwtVerifier.create({ issuer: ISSUER, audience: RESOURCE, jwksUri: `${ISSUER}/jwks.json` });
    aws.cacheJwks({ keys: [key.jwk as never] });
    contenders.push({ name: 'aws-jwt-verify', size, batch: () => each(batch, (token) => aws.verifySync(token)) });
  }
  return contenders;
}

/** `crypto.verify` alone, over bytes that are at hand: what no verifier can beat. */
function rawContenders({ alg, publicKey }: BenchKey, tokens: readonly Buffer[]): Contender[] {
  const parts = tokens.map((token) => {
    const dot = token.lastIndexOf('.');
    return { input: token.subarray(0, dot), signature: Buffer.from(token.subarray(dot + 1).toString(), 'base64url') };
  });
  const hash = alg === 'EdDSA' ? null : 'sha256';
  const raw = (
    name: string,
    key: Parameters<typeof verify>[2],
    convert = (signature: Buffer) => signature,
  ): Contender => {
    const ready = parts.map(({ input, signature }) => ({ input, signature: convert(signature) }));
    const check = () => {
      for (const { input, signature } of ready) if (!verify(hash, input, key, signature)) throw new Error(name);
    };
    return { name, size: parts.length, batch: check };
  };
  if (alg === 'ES256') {
    return [
      raw('crypto.verify, DER', publicKey, (signature) => ecdsaToDer(signature, 32)),
      raw('crypto.verify, P1363', { key: publicKey, dsaEncoding: 'ieee-p1363' }),
    ];
  }
  if (alg !== 'PS256') return [raw('crypto.verify', publicKey)];
  const pkcs1 = publicKey.export({ type: 'pkcs1', format: 'der' });
  const pss = createPublicKey({ key: pssPublicKeyInfo(pkcs1, 'sha256'), format: 'der', type: 'spki' });
  return [
    raw('crypto.verify, padding option', { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
    raw('crypto.verify, rsa-pss key', pss),
  ];
}

function rawName(alg: Algorithm): string {
  return alg === 'ES256' ? 'crypto.verify, DER' : alg === 'PS256' ? 'crypto.verify, rsa-pss key' : 'crypto.verify';
}

function judge(alg: Algorithm, hot: readonly Reached[], cold: readonly Reached[]): Goal[] {
  const times = (reached: readonly Reached[], faster: string, slower: string) =>
    timesFaster(pick(reached, faster), pick(reached, slower));
  const libraries = cold.filter(({ name }) => name !== 'guardmint' && !name.startsWith('crypto.'));
  const best = libraries.reduce((one, other) => (other.perSecond > one.perSecond ? other : one));
  return [
    goal(`${alg} hot / fast-jwt with cache`, 5, times(hot, 'guardmint', 'fast-jwt with cache')),
    goal(`${alg} hot / jose remote set`, 250, times(hot, 'guardmint', 'jose remote set')),
    goal(`${alg} cold / ${rawName(alg)}`, 0.9, times(cold, 'guardmint', rawName(alg))),
    ...(alg === 'PS256'
      ? [
          goal(
            'PS256 cold / crypto.verify, padding option',
            0.9,
            times(cold, 'guardmint', 'crypto.verify, padding option'),
          ),
        ]
      : []),
    goal(`${alg} cold / best library (${best.name})`, 1, times(cold, 'guardmint', best.name)),
  ];
}

function summary(reached: readonly Reached[]): object {
  return Object.fromEntries(reached.map(({ name, microseconds }) => [name, { microseconds }]));
}

function goal(name: string, wanted: number, reached: number): Goal {
  return { goal: name, wanted, reached, isReached: reached >= wanted };
}

function pick(reached: readonly Reached[], name: string): Reached {
  const found = reached.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no contender ${name}`);
  return found;
}

function formatResults(reached: readonly Reached[], reference: string): string {
  const base = pick(reached, reference);
  return formatTable([
    ['', 'per second', 'µs', `of ${reference}`],
    ...reached.map((one) => [
      one.name,
      Math.round(one.perSecond).toLocaleString('en'),
      one.microseconds.toFixed(2),
      timesFaster(one, base).toFixed(timesFaster(one, base) < 0.1 ? 4 : 2),
    ]),
  ]);
}

function guardmint(key: BenchKey, options: { cacheSize?: number; revocations?: RevocationSource }): Verifier {
  return createVerifier({ issuer: ISSUER, resource: RESOURCE, jwks: { keys: [key.jwk] }, ...options });
}

function fastJwtOptions(key: BenchKey) {
  return {
    key: key.publicKey.export({ type: 'spki', format: 'pem' }),
    algorithms: [key.alg],
    allowedIss: ISSUER,
    allowedAud: RESOURCE,
  };
}

function joseContender(name: string, tokens: readonly Buffer[], keys: JWTVerifyGetKey): Contender {
  const batch = tokens.slice(0, ONE_BY_ONE_BATCH);
  const options = { issuer: ISSUER, audience: RESOURCE, typ: 'at+jwt' };
  return {
    name,
    size: batch.length,
    batch: async () => {
      for (const bytes of batch) await jwtVerify(bytes.toString('latin1'), keys, options);
    },
  };
}

async function loadAll(verifier: Verifier, tokens: readonly Buffer[]): Promise<void> {
  for (const bytes of tokens)
    if ((await verifier.loadAccessToken(bytes.toString('latin1'))) === undefined) throw new Error('refused');
}

function each(tokens: readonly Buffer[], check: (token: string) => unknown): void {
  for (const bytes of tokens) if (!check(bytes.toString('latin1'))) throw new Error('refused');
}

/** A denylist in memory with none of the live tokens on it. */
function createDenylist(): RevocationSource & { change(): void } {
  const denied = new Set(Array.from({ length: DENIED }, (_, index) => `denied-${index}`));
  let version = 0;
  return {
    isDenied: ({ jti, grantId }) => denied.has(jti) || (grantId !== undefined && denied.has(grantId)),
    version: () => version,
    state: () => ({ freshness: 'fresh', entries: denied.size }),
    close: () => undefined,
    change: () => {
      version++;
    },
  };
}

async function serveJwks(key: BenchKey): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/jwk-set+json');
    response.end(JSON.stringify({ keys: [key.jwk] }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/jwks.json`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
