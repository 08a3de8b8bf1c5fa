import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { UnavailableError, type Verifier } from '../../src/resource/index.ts';
import { type TestSigner, testSigner } from '../support/keys.ts';
import {
  answerJson,
  answerKeys,
  answerStatus,
  createTestClock,
  forge,
  type Host,
  NOW,
  startHost,
  verifierOf,
} from './issuer.ts';

type Jwk = Record<string, unknown>;

const legit = testSigner('ES256');
const other = testSigner('RS256', 'other');
const newcomer = testSigner('ES256', 'newcomer');

const jwk = ({ publicJwk }: TestSigner): Jwk => ({ ...publicJwk });

const text =
  (body: string): Host['answer'] =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(body);
  };

/** A verifier whose keys come from `host`, on a clock the test moves. */
function remoteVerifier(host: Host): { verifier: Verifier; clock: { now: number } } {
  const clock = createTestClock();
  const verifier = verifierOf([], { jwks: `${host.origin}/jwks.json`, clock: clock.read, fetchTimeout: 2 });
  return { verifier, clock };
}

/** Claims that outlive whatever the clock does in these tests. */
const LASTING = { claims: { exp: NOW + 1_000_000 } };

/** Answers that must cost nobody a key that is known. */
const FAULTY_ANSWERS: readonly (readonly [id: string, title: string, answer: Host['answer']])[] = [
  ['JWT-JWKS-01', 'status 500', answerStatus(500)],
  ['JWT-JWKS-04', 'an empty body', text('')],
  ['JWT-JWKS-06', 'no answer ever', () => undefined],
  [
    'JWT-JWKS-08',
    '100 MB',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(1_000_000, ' ');
      let sent = 0;
      const more = () => {
        while (sent < 100 && !response.destroyed) {
          sent++;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end('{"keys":[]}');
      };
      more();
    },
  ],
  [
    'JWT-JWKS-10',
    'a redirect to itself',
    (request, response) => {
      response.writeHead(302, { location: request.url });
      response.end();
    },
  ],
  ['JWT-JWKS-11', 'keys that are an object', text('{"keys":{}}')],
  ['JWT-JWKS-12', 'no keys', text('{"keys":[]}')],
  ['JWT-JWKS-13', 'a null for a key', text('{"keys":[null]}')],
  ['JWT-JWKS-15', '100,000 nested lists', text(`{"keys":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)],
  ['JWT-JWKS-30', '10,000 keys', answerJson({ keys: Array.from({ length: 10_000 }, () => jwk(newcomer)) })],
];

describe('a JWK Set server that fails', () => {
  test.each(FAULTY_ANSWERS.map(([id, title, answer]) => [title, id, answer] as const))(
    '%s costs no known key and makes unknown ones unknowable [%s]',
    async (_title, _id, answer) => {
      await using host = await startHost(answerKeys([legit]));
      const { verifier, clock } = remoteVerifier(host);
      using _ = verifier;
      await verifier.loadAccessToken(forge(LASTING, legit));
      host.answer = answer;
      clock.now += 300;

      const unknown = verifier.loadAccessToken(forge(LASTING, newcomer));
      await expect(unknown).rejects.toThrow(UnavailableError);
      const known = await verifier.loadAccessToken(forge({ claims: { ...LASTING.claims, jti: 'j2' } }, legit));

      expect(known).toBeDefined();
      expect(host.requests).toHaveLength(2);
      expect(verifier.state().keys).toMatchObject({ status: 'old', kids: [legit.kid], failures: 1 });
    },
  );
});

/** A JWK Set with one key that is to be left out beside one that is not. */
function setWith(fault: Jwk): { keys: Jwk[] } {
  return { keys: [fault, jwk(other)] };
}

const weakRsa = (() => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  return { ...testSigner('RS256', 'weak'), privateKey, publicKey };
})();

/** A key whose x starts with a zero byte, so that it can be written one byte short. */
function shortCoordinate(): TestSigner & { x: string } {
  for (;;) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '' } = publicKey.export({ format: 'jwk' });
    const bytes = Buffer.from(x, 'base64url');
    if (bytes[0] === 0)
      return { ...testSigner('ES256'), privateKey, publicKey, x: bytes.subarray(1).toString('base64url') };
  }
}

const trimmed = shortCoordinate();

const UNUSABLE_KEYS: readonly (readonly [id: string, title: string, key: Jwk, signer: TestSigner, fault: string])[] = [
  [
    'JWT-JWKS-21',
    'with its private half',
    { ...jwk(legit), ...legit.privateKey.export({ format: 'jwk' }) },
    legit,
    'secret',
  ],
  ['JWT-JWKS-22', 'for encryption', { ...jwk(legit), use: 'enc' }, legit, 'wrong_use'],
  ['JWT-JWKS-23', 'for signing only', { ...jwk(legit), use: undefined, key_ops: ['sign'] }, legit, 'wrong_use'],
  [
    'JWT-JWKS-25',
    'of 1,024 bits',
    { ...weakRsa.publicKey.export({ format: 'jwk' }), kid: weakRsa.kid, alg: 'RS256' },
    weakRsa,
    'weak',
  ],
  ['JWT-JWKS-26', 'with exponent one', { ...jwk(testSigner('RS256')), e: 'AQ' }, testSigner('RS256'), 'weak'],
  [
    'JWT-JWKS-28',
    'with a coordinate one byte short',
    { ...trimmed.publicKey.export({ format: 'jwk' }), x: trimmed.x, kid: trimmed.kid, alg: 'ES256' },
    trimmed,
    'malformed',
  ],
];

describe('keys of a JWK Set that cannot be trusted', () => {
  test.each(UNUSABLE_KEYS.map(([id, title, key, signer, fault]) => [title, id, key, signer, fault] as const))(
    'a key %s is left out and reported, the others stand [%s]',
    async (_title, _id, key, signer, fault) => {
      using verifier = verifierOf([], { jwks: setWith(key) });

      const byIt = await verifier.loadAccessToken(forge({}, signer));
      const byOther = await verifier.loadAccessToken(forge({}, other));

      expect([byIt, byOther?.jti]).toEqual([undefined, 'jti-1']);
      expect(verifier.state().keys.refused).toEqual([{ kid: signer.kid, fault }]);
    },
  );

  test('a key of an unknown type beside ours changes nothing [JWT-JWKS-19]', async () => {
    const unknown = { kty: 'AKP', alg: 'ML-DSA-99', kid: 'pq', pub: 'AAAA' };
    using verifier = verifierOf([], { jwks: { keys: [unknown, jwk(legit)] } });

    expect(await verifier.loadAccessToken(forge({}, legit))).toBeDefined();
    expect(verifier.state().keys.refused).toEqual([{ kid: 'pq', fault: 'unsupported' }]);
  });

  // The catalogue would choose between them by type. Two keys under one name are an issuer that lost count: which of
  // them a revocation of that kid means is anybody's guess, so neither is used.
  test('two keys of different types under one kid are both left out [JWT-JWKS-18]', async () => {
    const twin = { ...jwk(other), kid: legit.kid };
    using verifier = verifierOf([], { jwks: { keys: [jwk(legit), twin, jwk(newcomer)] } });

    const answers = await Promise.all([
      verifier.loadAccessToken(forge({}, legit)),
      verifier.loadAccessToken(forge({}, { ...other, kid: legit.kid })),
      verifier.loadAccessToken(forge({}, newcomer)),
    ]);

    expect(answers.map((answer) => answer !== undefined)).toEqual([false, false, true]);
    expect(verifier.state().keys.refused.map(({ fault }) => fault)).toEqual(['duplicate_kid', 'duplicate_kid']);
  });
});

describe('keys that go', () => {
  test('a removed key is good for five minutes at most, in remembered tokens too [JWT-JWKS-31]', async () => {
    await using host = await startHost(answerKeys([legit, other]));
    const { verifier, clock } = remoteVerifier(host);
    using _ = verifier;
    const token = forge(LASTING, legit);
    await verifier.loadAccessToken(token);
    host.answer = answerKeys([other]);

    clock.now += 299;
    const before = await verifier.loadAccessToken(token);
    clock.now += 1;
    await verifier.loadAccessToken(token);
    await refreshed(verifier, host, 2);
    const after = await verifier.loadAccessToken(token);

    expect([before === undefined, after]).toEqual([false, undefined]);
  });

  test('a key replaced under its kid is replaced within five minutes [JWT-JWKS-32]', async () => {
    const successor = { ...newcomer, kid: legit.kid };
    await using host = await startHost(answerKeys([legit]));
    const { verifier, clock } = remoteVerifier(host);
    using _ = verifier;
    await verifier.loadAccessToken(forge(LASTING, legit));
    host.answer = answerJson({ keys: [{ ...jwk(newcomer), kid: legit.kid }] });
    clock.now += 300;
    await verifier.loadAccessToken(forge(LASTING, legit));
    await refreshed(verifier, host, 2);

    const old = await verifier.loadAccessToken(forge(LASTING, legit));
    const fresh = await verifier.loadAccessToken(forge(LASTING, successor));

    expect([old, fresh?.jti]).toEqual([undefined, 'jti-1']);
  });
});

/** Waits for the background fetch: an unknown kid joins it. */
async function refreshed(verifier: Verifier, host: Host, requests: number): Promise<void> {
  await verifier.loadAccessToken(forge({ header: { kid: 'nobody' } }));
  expect(host.requests).toHaveLength(requests);
}
