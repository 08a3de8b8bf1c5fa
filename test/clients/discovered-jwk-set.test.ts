import { expect, test } from 'vitest';
import { createDiscoveredJwkSet, createRemoteJwkSets } from '../../src/clients/index.ts';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createGuardedFetch } from '../../src/platform/index.ts';
import { startForeignIssuer } from '../support/identity-provider.ts';

async function setUp(answer?: Parameters<typeof startForeignIssuer>[0]) {
  const foreign = await startForeignIssuer(answer);
  let now = 1_000;
  const fetch = createGuardedFetch({ allowLoopback: true });
  const clock = () => now;
  const sets = createRemoteJwkSets({ fetch, clock });
  const keys = createDiscoveredJwkSet({ issuer: foreign.issuer, fetch, sets, clock });
  return {
    foreign,
    find: () => keys.find({ alg: foreign.signer.alg, kid: foreign.signer.kid }),
    advance: (seconds: number) => {
      now += seconds;
    },
    [Symbol.asyncDispose]: () => foreign[Symbol.asyncDispose](),
  };
}

test('finds the keys where the metadata of the issuer says, and asks for it once an hour', async () => {
  await using own = await setUp();
  const askedFor = () => own.foreign.requests.filter((url) => url.startsWith('/.well-known')).length;

  const found = await Promise.all([own.find(), own.find(), own.find()]);
  expect(found.map((keys) => keys.length)).toEqual([1, 1, 1]);
  expect(askedFor()).toBe(1);
  own.advance(3_599);
  await own.find();
  expect(askedFor()).toBe(1);
  own.advance(1);
  await own.find();
  expect(askedFor()).toBe(2);
});

test('reads RFC 8414 metadata where there is none of OpenID Connect', async () => {
  await using own = await setUp({
    answer: (request, response, { issuer }) => {
      const isMetadata = request.url === '/.well-known/oauth-authorization-server';
      response
        .writeHead(isMetadata ? 200 : 404, { 'content-type': 'application/json' })
        .end(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks` }));
    },
  });
  own.foreign.metadata = undefined;
  expect(await own.find()).toHaveLength(1);
});

test.each<[string, (issuer: string) => object | undefined]>([
  ['there is none', () => undefined],
  ['it is of another issuer', (issuer) => ({ issuer: `${issuer}/other`, jwks_uri: `${issuer}/jwks` })],
  ['it names no keys', (issuer) => ({ issuer })],
  ['its keys are where we may not look', (issuer) => ({ issuer, jwks_uri: 'https://10.0.0.1/jwks' })],
])('nobody knows the keys when the metadata fails: %s', async (_, metadata) => {
  await using own = await setUp();
  own.foreign.metadata = metadata(own.foreign.issuer);
  await expect(own.find()).rejects.toThrow(UnavailableError);
  expect(own.foreign.requests).not.toContain('/jwks');
});

test('goes on with what it knows while the metadata fails, and leaves a failing issuer alone', async () => {
  await using own = await setUp();
  await own.find();
  own.foreign.metadata = undefined;
  own.advance(3_600);
  expect(await own.find()).toHaveLength(1);
  for (const _ of [1, 2, 3, 4, 5]) await own.find();
  const asked = own.foreign.requests.length;
  await own.find();
  expect(own.foreign.requests.length).toBe(asked);
});
