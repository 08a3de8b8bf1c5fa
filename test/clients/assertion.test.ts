import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type AssertionExpectation,
  assertionMarker,
  createInlineJwkSet,
  parseAssertion,
  verifyAssertion,
} from '../../src/clients/index.ts';
import { createForeignSigner, type ForeignSigner } from '../support/assertion.ts';

const NOW = 1_800_000_000;
const TOLERANCE = 5;
const CLAIMS = { iss: 'c1', sub: 'c1', aud: 'https://as.example', exp: NOW + 60, iat: NOW, jti: 'j1' };
const EXPECTED: AssertionExpectation = {
  types: [undefined, 'jwt', 'client-authentication+jwt'],
  issuer: 'c1',
  audience: ['https://as.example'],
  required: ['sub', 'jti'],
  maxLifetime: 300,
};

let signer: ForeignSigner;
let other: ForeignSigner;
beforeAll(async () => {
  signer = await createForeignSigner();
  other = await createForeignSigner();
});

/** What became of an assertion: `ok`, or the fault. */
async function outcomeOf(
  compact: string,
  expected: Partial<AssertionExpectation> = {},
  keys: readonly object[] = [signer.publicJwk],
): Promise<string> {
  const parsed = parseAssertion(compact);
  if (typeof parsed === 'string') return parsed;
  const verified = await verifyAssertion(
    parsed,
    { ...EXPECTED, ...expected },
    { keys: createInlineJwkSet({ keys }), now: NOW, clockTolerance: TOLERANCE },
  );
  return typeof verified === 'string' ? verified : 'ok';
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('an assertion is accepted', () => {
  it.each<[string, object, object]>([
    ['as it should be', {}, {}],
    ['typ JWT', {}, { typ: 'JWT' }],
    ['typ of rfc7523bis', {}, { typ: 'client-authentication+jwt' }],
    ['typ in full and in capitals', {}, { typ: 'APPLICATION/Client-Authentication+JWT' }],
    ['nbf 5 s ahead', { nbf: NOW + 5 }, {}],
    ['iat 5 s ahead', { iat: NOW + 5 }, {}],
    ['4 s late', { exp: NOW - 4 }, {}],
    ['at its longest', { exp: NOW + 305 }, {}],
    ['times with fractions', { exp: NOW + 60.5, iat: NOW - 0.5 }, {}],
    ['no kid', {}, { kid: undefined }],
    ['no iat where none is required', { iat: undefined }, {}],
    ['foreign header members', {}, { jku: 'https://evil.example/jwks', x5t: 'AA' }],
  ])('%s', async (_case, claims, header) => {
    expect(await outcomeOf(await signer.sign({ ...CLAIMS, ...claims }, { ...header }))).toBe('ok');
  });

  it.each(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS256', 'RS512', 'PS256', 'PS384'])(
    'signed with %s',
    async (alg) => {
      const key = await createForeignSigner(alg);

      expect(await outcomeOf(await key.sign(CLAIMS), {}, [key.publicJwk])).toBe('ok');
    },
  );

  it('with EdDSA by a key that calls it Ed25519, and the other way round', async () => {
    const key = await createForeignSigner('Ed25519');

    expect(await outcomeOf(await key.sign(CLAIMS), {}, [{ ...key.publicJwk, alg: 'EdDSA' }])).toBe('ok');
    expect(await outcomeOf(await key.sign(CLAIMS), {}, [{ ...key.publicJwk, alg: undefined }])).toBe('ok');
  });

  it('by a second key without a kid, during a rotation', async () => {
    const keys = [
      { ...other.publicJwk, kid: undefined },
      { ...signer.publicJwk, kid: undefined },
    ];

    expect(await outcomeOf(await signer.sign(CLAIMS), {}, keys)).toBe('ok');
  });

  it('with an array of one audience only where that is admitted', async () => {
    const compact = await signer.sign({ ...CLAIMS, aud: ['https://as.example'] });

    expect(await outcomeOf(compact)).toBe('audience');
    expect(await outcomeOf(compact, { allowAudienceArray: true })).toBe('ok');
  });
});

describe('an assertion is refused', () => {
  it.each<[string, string, object, Record<string, unknown>]>([
    ['issuer of another', 'issuer', { iss: 'c2' }, {}],
    ['issuer missing', 'claims', { iss: undefined }, {}],
    ['issuer no text', 'claims', { iss: 1 }, {}],
    ['subject missing', 'claims', { sub: undefined }, {}],
    ['jti missing', 'claims', { jti: undefined }, {}],
    ['jti no text', 'claims', { jti: 1 }, {}],
    ['jti empty', 'claims', { jti: '' }, {}],
    ['audience missing', 'claims', { aud: undefined }, {}],
    ['audience of another', 'audience', { aud: 'https://other.example' }, {}],
    ['audience with a slash', 'audience', { aud: 'https://as.example/' }, {}],
    ['two audiences', 'audience', { aud: ['https://as.example', 'https://other.example'] }, {}],
    ['no audience in the array', 'claims', { aud: [] }, {}],
    ['exp missing', 'claims', { exp: undefined }, {}],
    ['exp as text', 'claims', { exp: String(NOW + 60) }, {}],
    ['exp out of all measure', 'claims', { exp: 1e300 }, {}],
    ['expired', 'expired', { exp: NOW - 5 }, {}],
    ['not yet valid', 'not_yet_valid', { nbf: NOW + 6 }, {}],
    ['nbf as text', 'claims', { nbf: '0' }, {}],
    ['issued in the future', 'issued_in_future', { iat: NOW + 6 }, {}],
    ['living too long', 'lives_too_long', { exp: NOW + 306 }, {}],
    ['typ of an access token', 'type', {}, { typ: 'at+jwt' }],
    ['typ of an ID-JAG', 'type', {}, { typ: 'oauth-id-jag+jwt' }],
    ['typ empty', 'type', {}, { typ: '' }],
    ['typ no text', 'malformed', {}, { typ: 1 }],
    ['kid unknown', 'key_unknown', {}, { kid: 'nobody' }],
    ['kid no text', 'malformed', {}, { kid: 1 }],
  ])('%s', async (_case, fault, claims, header) => {
    expect(await outcomeOf(await signer.sign({ ...CLAIMS, ...claims }, header))).toBe(fault);
  });

  it('signed by somebody else under a kid of ours', async () => {
    expect(await outcomeOf(await other.sign(CLAIMS, { kid: signer.kid }))).toBe('signature');
  });

  it('with `crit`, whatever it names, or `b64`', async () => {
    const [, body, signature] = (await signer.sign(CLAIMS)).split('.');
    const withHeader = (extra: object) => `${encode({ alg: 'ES256', kid: signer.kid, ...extra })}.${body}.${signature}`;

    expect(await outcomeOf(withHeader({ crit: ['exp'] }))).toBe('critical_extension');
    expect(await outcomeOf(withHeader({ crit: [] }))).toBe('critical_extension');
    expect(await outcomeOf(withHeader({ b64: true }))).toBe('critical_extension');
  });

  it('with `alg` none in any spelling, or a MAC with the public key', async () => {
    const body = encode(CLAIMS);
    for (const alg of ['none', 'None', 'nOnE', '', undefined, ['ES256'], 'HS256', 'es256', 'ES256K', 'RSA1_5'])
      expect(await outcomeOf(`${encode({ alg, kid: signer.kid })}.${body}.AAAA`)).toBe('algorithm');
    const input = `${encode({ alg: 'HS256', kid: signer.kid })}.${body}`;
    const mac = createHmac('sha256', JSON.stringify(signer.publicJwk)).update(input).digest('base64url');
    expect(await outcomeOf(`${input}.${mac}`)).toBe('algorithm');
  });

  it('with an algorithm that is not the one of its key', async () => {
    const rsa = await createForeignSigner('RS256');
    const pss = [{ ...rsa.publicJwk, alg: 'PS256' }];

    expect(await outcomeOf(await rsa.sign(CLAIMS), {}, pss)).toBe('key_unknown');
  });

  it('in any spelling but the canonical one', async () => {
    const compact = await signer.sign(CLAIMS);
    const [head = '', body = '', signature = ''] = compact.split('.');
    const spellings = [
      `${compact}=`,
      ` ${compact}`,
      `${compact}\n`,
      `${head}.${body}`,
      `${head}.${body}.`,
      `${compact}.`,
      `${head}.${body}.${signature.slice(0, -1)}${signature.endsWith('A') ? 'B' : signature.endsWith('Q') ? 'R' : signature.endsWith('g') ? 'h' : 'x'}`,
      compact.replace('.', '\u2024'),
      JSON.stringify({ payload: body, protected: head, signature }),
      '',
      'x'.repeat(20_000),
    ];
    for (const spelling of spellings) expect(await outcomeOf(spelling)).toBe('malformed');
  });

  it('with a repeated member in header or claims', async () => {
    const repeated = `{"iss":"c1","iss":"c1",${JSON.stringify(CLAIMS).slice(1)}`;

    expect(await outcomeOf(await signer.sign(repeated))).toBe('malformed');
    expect(await outcomeOf(await signer.sign('["c1"]'))).toBe('malformed');
    expect(await outcomeOf(await signer.sign('not json'))).toBe('malformed');
  });
});

describe('keys that are not used', () => {
  it.each<[string, (jwk: object) => object]>([
    ['a private one', (jwk) => ({ ...jwk, d: 'AA' })],
    ['one with a symmetric member', (jwk) => ({ ...jwk, k: 'AA' })],
    ['one for encryption', (jwk) => ({ ...jwk, use: 'enc' })],
    ['one that may not verify', (jwk) => ({ ...jwk, key_ops: ['sign'] })],
    ['one on another curve than it says', (jwk) => ({ ...jwk, crv: 'P-384', alg: undefined })],
    ['one whose `alg` is for another type', (jwk) => ({ ...jwk, alg: 'RS256' })],
    ['one with a shortened coordinate', (jwk) => ({ ...jwk, x: 'AA' })],
    ['one that is no point of the curve', (jwk) => ({ ...jwk, x: `${'A'.repeat(42)}E` })],
    ['one whose kid is no text', (jwk) => ({ ...jwk, kid: 7 })],
  ])('%s', async (_case, spoil) => {
    expect(await outcomeOf(await signer.sign(CLAIMS), {}, [spoil(signer.publicJwk)])).toBe('key_unknown');
  });

  it('two under one kid, both of them', async () => {
    const keys = [signer.publicJwk, { ...other.publicJwk, kid: signer.kid }];

    expect(await outcomeOf(await signer.sign(CLAIMS), {}, keys)).toBe('key_unknown');
  });

  it('an octet sequence, which would make the public half a secret', async () => {
    expect(await outcomeOf(await signer.sign(CLAIMS), {}, [{ kty: 'oct', k: 'AAAA', kid: signer.kid }])).toBe(
      'key_unknown',
    );
  });

  it('RSA with 1024 bits, with e = 1, or with an even modulus', async () => {
    const rsa = await createForeignSigner('RS256');
    const compact = await rsa.sign(CLAIMS);
    const { n = '' } = rsa.publicJwk;
    const spoilt = [{ n: n.slice(0, 171) }, { e: 'AQ' }, { e: 'Ag' }, { n: `${n.slice(0, -4)}AAAA` }];

    expect(await outcomeOf(compact, {}, [rsa.publicJwk])).toBe('ok');
    for (const members of spoilt) {
      expect(await outcomeOf(compact, {}, [{ ...rsa.publicJwk, ...members }])).toBe('key_unknown');
    }
  });

  it('and a set that is none has no keys', async () => {
    const parsed = parseAssertion(await signer.sign(CLAIMS));
    if (typeof parsed === 'string') throw new Error(parsed);
    for (const document of [undefined, [], {}, { keys: {} }, { keys: Array(101).fill(signer.publicJwk) }]) {
      expect(await createInlineJwkSet(document).find(parsed.header)).toEqual([]);
    }
  });
});

describe('the marker of an assertion', () => {
  const markerOf = async (claims: object) => {
    const parsed = parseAssertion(await signer.sign({ ...CLAIMS, ...claims }));
    if (typeof parsed === 'string') throw new Error(parsed);
    return assertionMarker({ ...parsed, isVerified: true }, TOLERANCE);
  };

  it('depends on issuer and jti only, and outlives the assertion', async () => {
    const marker = await markerOf({});

    expect(marker.id).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(marker.expiresAt).toBeGreaterThan(CLAIMS.exp + TOLERANCE);
    expect((await markerOf({ exp: NOW + 61 })).id).toBe(marker.id);
    expect((await markerOf({ jti: 'j2' })).id).not.toBe(marker.id);
    expect((await markerOf({ iss: 'c2' })).id).not.toBe(marker.id);
    expect((await markerOf({ iss: 'c1"', jti: 'j1' })).id).not.toBe((await markerOf({ iss: 'c1', jti: '"j1' })).id);
  });
});
