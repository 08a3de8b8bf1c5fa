import { createHmac, createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Client,
  createClientAssertions,
  createClientAuthentication,
  createRemoteJwkSets,
} from '../../src/clients/index.ts';
import { type JsonObject, OAuthError, parseForm, UnavailableError } from '../../src/oauth/index.ts';
import { type GuardedFetch, GuardedFetchError, sha256 } from '../../src/platform/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createForeignSigner, type ForeignSigner } from '../support/assertion.ts';

const NOW = 1_800_000_000;
const ISSUER = 'https://as.example';
const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const CLAIMS = { iss: 'keyed', sub: 'keyed', aud: ISSUER, iat: NOW, exp: NOW + 60 };

let signer: ForeignSigner;
let other: ForeignSigner;
beforeAll(async () => {
  signer = await createForeignSigner();
  other = await createForeignSigner('RS256');
});

let count = 0;
/** An assertion nobody has seen before. */
const assertion = (claims: object = {}, header: Record<string, unknown> = {}, by = signer) =>
  by.sign({ ...CLAIMS, jti: `jti ${count++}`, ...claims }, header);

const client = (clientId: string, members: Partial<Client>): Client => ({
  clientId,
  origin: 'configured',
  redirectUris: [],
  grantTypes: ['authorization_code'],
  authenticationMethod: 'private_key_jwt',
  metadata: {},
  ...members,
});

/** A fetch that has no turn left. */
const busy: GuardedFetch = () => Promise.reject(new GuardedFetchError('busy'));

/** A server with a client of each kind of keys; `fetch` answers at their `jwks_uri`. */
function start(fetch: GuardedFetch = async () => Promise.reject(new GuardedFetchError('connect_failed'))) {
  let now = NOW;
  const clock = () => now;
  const jwks: JsonObject = { keys: [signer.publicJwk, other.publicJwk] };
  const clients = [
    client('keyed', { jwks }),
    client('other', { jwks: { keys: [other.publicJwk] } }),
    client('remote', { jwksUri: 'https://keys.example/jwks' }),
    client('registered', { jwksUri: 'https://keys.example/jwks', origin: 'registered' }),
    client('one algorithm', { jwks, signingAlgorithm: 'RS256' }),
    client('keyless', {}),
    client('either', { jwks, otherAuthenticationMethods: ['none'] }),
    client('public', { authenticationMethod: 'none', jwks }),
    client('basic', { authenticationMethod: 'client_secret_basic', secretHash: sha256('pw'), jwks }),
  ];
  const store = createMemoryStore({ clock });
  const authenticate = createClientAuthentication({
    assertions: createClientAssertions({
      issuer: ISSUER,
      clock,
      consumeOnce: (marker) => store.oneTime.consumeOnce(marker),
      jwkSets: createRemoteJwkSets({ fetch, clock }),
      registeredJwkSets: createRemoteJwkSets({ fetch: busy, clock }),
    }),
  });
  return {
    advance: (seconds: number) => {
      now += seconds;
    },
    /** `is ID`, or the reason of the refusal and, where it has one, its fault. */
    async outcomeOf(form: Record<string, string | undefined>, authorization?: string): Promise<string> {
      const sent = Object.entries({ client_assertion_type: TYPE, ...form }).filter(([, value]) => value !== undefined);
      const body = new URLSearchParams(sent as [string, string][]).toString();
      try {
        const found = await authenticate({ form: parseForm(body), authorization }, async (id) =>
          clients.find(({ clientId }) => clientId === id),
        );
        return `is ${found.clientId}`;
      } catch (thrown) {
        if (thrown instanceof UnavailableError) return 'unavailable';
        if (!(thrown instanceof OAuthError)) throw thrown;
        const { fault } = thrown.detail;
        return fault === undefined ? thrown.reason : `${thrown.reason} ${fault}`;
      }
    },
  };
}

describe('a client is who it says by private_key_jwt', () => {
  it.each<[string, object, Record<string, unknown>]>([
    ['as it should be [JWT-ASSERT-01]', {}, {}],
    ['nbf 8 s ahead [JWT-ASSERT-15]', { nbf: NOW + 8 }, {}],
    ['typ JWT, as the MCP SDK sends it', {}, { typ: 'JWT' }],
    ['typ of rfc7523bis', {}, { typ: 'client-authentication+jwt' }],
    ['typ of the metadata document draft', {}, { typ: 'oauth-client-auth+jwt' }],
    ['valid for five minutes, as the MCP SDK makes it', { exp: NOW + 300 }, {}],
    ['without iat', { iat: undefined }, {}],
    ['without a kid', {}, { kid: undefined }],
    ['the issuer in an array of one', { aud: [ISSUER] }, {}],
  ])('%s', async (_case, claims, header) => {
    const { outcomeOf } = start();

    expect(await outcomeOf({ client_assertion: await assertion(claims, header) })).toBe('is keyed');
  });

  it('with its id in the form as well', async () => {
    expect(await start().outcomeOf({ client_id: 'keyed', client_assertion: await assertion() })).toBe('is keyed');
  });

  it('with keys at a jwks_uri', async () => {
    const fetch: GuardedFetch = async (url) => ({
      status: url === 'https://keys.example/jwks' ? 200 : 404,
      headers: { 'content-type': 'application/jwk-set+json' },
      text: JSON.stringify({ keys: [signer.publicJwk] }),
    });
    const compact = await assertion({ iss: 'remote', sub: 'remote' });

    expect(await start(fetch).outcomeOf({ client_assertion: compact })).toBe('is remote');
    // Clients that registered themselves have fetches of their own, and those are used up.
    const other = await assertion({ iss: 'registered', sub: 'registered' });
    expect(await start(fetch).outcomeOf({ client_assertion: other })).toBe('unavailable');
  });

  it('or without, where it may choose [SEP-3149]', async () => {
    const { outcomeOf } = start();
    const compact = await assertion({ iss: 'either', sub: 'either' });

    expect(await outcomeOf({ client_assertion: compact })).toBe('is either');
    expect(await outcomeOf({ client_assertion_type: undefined, client_id: 'either' })).toBe('is either');
  });
});

describe('a client is refused', () => {
  it.each<[string, string, object, Record<string, unknown>]>([
    ['sub missing [JWT-ASSERT-05]', 'claims', { sub: undefined }, {}],
    ['iss of another client [JWT-ASSERT-07]', 'issuer', { iss: 'other' }, {}],
    ['aud missing [JWT-ASSERT-08]', 'claims', { aud: undefined }, {}],
    ['aud another server [JWT-ASSERT-09]', 'audience', { aud: 'https://other-as.example' }, {}],
    ['aud the token endpoint', 'audience', { aud: `${ISSUER}/token` }, {}],
    ['aud the issuer with a slash', 'audience', { aud: `${ISSUER}/` }, {}],
    ['aud this server and another', 'audience', { aud: [ISSUER, 'https://other-as.example'] }, {}],
    ['aud this server and its token endpoint', 'audience', { aud: [ISSUER, `${ISSUER}/token`] }, {}],
    ['jti missing [JWT-ASSERT-14]', 'claims', { jti: undefined }, {}],
    ['exp missing', 'claims', { exp: undefined }, {}],
    ['expired', 'expired', { exp: NOW - 60 }, {}],
    ['valid for an hour', 'lives_too_long', { exp: NOW + 3_600 }, {}],
    ['typ at+jwt [JWT-ASSERT-22, JWT-TYP-16]', 'type', {}, { typ: 'at+jwt' }],
    ['typ dpop+jwt', 'type', {}, { typ: 'dpop+jwt' }],
    ['typ client+jwt, our own ids', 'type', {}, { typ: 'client+jwt' }],
    ['kid unknown', 'key_unknown', {}, { kid: 'nobody' }],
  ])('%s', async (_case, fault, claims, header) => {
    const compact = await assertion(claims, header);

    expect(await start().outcomeOf({ client_assertion: compact })).toBe(`client_assertion_invalid ${fault}`);
  });

  it('sub of another client than the one of the form [JWT-ASSERT-06]', async () => {
    const compact = await assertion({ iss: 'other', sub: 'other' });

    expect(await start().outcomeOf({ client_id: 'keyed', client_assertion: compact })).toBe('client_id_mismatch');
    // Signed with a key that is not that client's.
    expect(await start().outcomeOf({ client_assertion: compact })).toBe('client_assertion_invalid key_unknown');
  });

  it('alg none, and HS256 with the public key [JWT-ASSERT-17, JWT-ASSERT-18]', async () => {
    const { outcomeOf } = start();
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = encode({ ...CLAIMS, jti: 'x' });
    const pem = createPublicKey({ key: { ...signer.publicJwk }, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    const input = `${encode({ alg: 'HS256', kid: signer.kid })}.${body}`;
    const mac = createHmac('sha256', pem).update(input).digest('base64url');

    expect(await outcomeOf({ client_assertion: `${encode({ alg: 'none' })}.${body}.` })).toBe(
      'client_assertion_invalid malformed',
    );
    expect(await outcomeOf({ client_assertion: `${encode({ alg: 'none' })}.${body}.AA` })).toBe(
      'client_assertion_invalid algorithm',
    );
    expect(await outcomeOf({ client_assertion: `${input}.${mac}` })).toBe('client_assertion_invalid algorithm');
  });

  it('signed by a key that its own header names [JWT-ASSERT-21]', async () => {
    const attacker = await createForeignSigner();
    const header = { jku: 'https://attacker.example/jwks', jwk: attacker.publicJwk, kid: signer.kid };

    expect(await start().outcomeOf({ client_assertion: await assertion({}, header, attacker) })).toBe(
      'client_assertion_invalid signature',
    );
  });

  it('signed with another algorithm than the one it registered', async () => {
    const { outcomeOf } = start();
    const claims = { iss: 'one algorithm', sub: 'one algorithm' };

    expect(await outcomeOf({ client_assertion: await assertion(claims) })).toBe('client_assertion_invalid algorithm');
    expect(await outcomeOf({ client_assertion: await assertion(claims, {}, other) })).toBe('is one algorithm');
  });

  it.each<[string, string, Record<string, string | undefined>]>([
    ['no type', 'client_credentials_malformed', { client_assertion_type: undefined }],
    ['another type', 'client_credentials_malformed', { client_assertion_type: `${TYPE} ` }],
    ['the SAML type', 'client_credentials_malformed', { client_assertion_type: TYPE.replace('jwt', 'saml2') }],
    ['a type and nothing else', 'client_credentials_malformed', { client_assertion: undefined }],
    ['a secret beside', 'client_authentication_ambiguous', { client_secret: 'pw' }],
    ['no token at all', 'client_assertion_invalid malformed', { client_assertion: 'x' }],
  ])('%s', async (_case, outcome, changes) => {
    expect(await start().outcomeOf({ client_assertion: await assertion(), ...changes })).toBe(outcome);
  });

  it('with Basic beside, right or wrong', async () => {
    const { outcomeOf } = start();
    const basic = `Basic ${Buffer.from('basic:pw').toString('base64')}`;

    expect(await outcomeOf({ client_assertion: await assertion() }, basic)).toBe('client_authentication_ambiguous');
    expect(await outcomeOf({ client_assertion: await assertion() }, 'DPoP x')).toBe('client_authentication_ambiguous');
  });

  it('when it is another kind of client, or has no keys, or brings none, or is unknown [CI-13]', async () => {
    const { outcomeOf } = start();
    const of = async (id: string) => outcomeOf({ client_assertion: await assertion({ iss: id, sub: id }) });

    expect(await of('public')).toBe('client_authentication_method_wrong');
    expect(await of('basic')).toBe('client_authentication_method_wrong');
    expect(await of('keyless')).toBe('client_assertion_invalid key_unknown');
    expect(await of('nobody')).toBe('client_unknown');
    expect(await of('nul\0')).toBe('client_assertion_invalid claims');
    expect(await outcomeOf({ client_assertion_type: undefined, client_id: 'keyed' })).toBe(
      'client_credentials_missing',
    );
  });

  it('and nobody is blamed when its keys cannot be had', async () => {
    const compact = await assertion({ iss: 'remote', sub: 'remote' });

    expect(await start().outcomeOf({ client_assertion: compact })).toBe('unavailable');
  });
});

describe('an assertion counts once', () => {
  it('and never again, as long as it lives and its clock may be slow [JWT-ASSERT-12]', async () => {
    const { outcomeOf, advance } = start();
    const compact = await assertion();

    expect(await outcomeOf({ client_assertion: compact })).toBe('is keyed');
    for (const seconds of [0, 59, 60]) {
      advance(seconds);
      expect(await outcomeOf({ client_assertion: compact })).toBe('client_assertion_replayed');
    }
    advance(1);
    expect(await outcomeOf({ client_assertion: compact })).toBe('client_assertion_invalid expired');
  });

  it('of 50 at once, one [JWT-ASSERT-13]', async () => {
    const { outcomeOf } = start();
    const compact = await assertion();

    const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcomeOf({ client_assertion: compact })));

    expect(outcomes.filter((outcome) => outcome === 'is keyed')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'client_assertion_replayed')).toHaveLength(49);
  });

  it('in its twin signature too, and with the same jti in other claims', async () => {
    const { outcomeOf } = start();
    const compact = await assertion({ jti: 'once' });
    const [head = '', body = '', signature = ''] = compact.split('.');
    const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
    const bytes = Buffer.from(signature, 'base64url');
    const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
    const twin = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);

    expect(await outcomeOf({ client_assertion: compact })).toBe('is keyed');
    expect(await outcomeOf({ client_assertion: `${head}.${body}.${twin.toString('base64url')}` })).toBe(
      'client_assertion_replayed',
    );
    expect(await outcomeOf({ client_assertion: await assertion({ jti: 'once', exp: NOW + 61 }) })).toBe(
      'client_assertion_replayed',
    );
    // Another client may use the same jti.
    const same = await assertion({ iss: 'either', sub: 'either', jti: 'once' });
    expect(await outcomeOf({ client_assertion: same })).toBe('is either');
  });

  it('a refused one is not spent', async () => {
    const { outcomeOf } = start();
    const attacker = await createForeignSigner();
    await outcomeOf({ client_assertion: await assertion({ jti: 'mine' }, { kid: signer.kid }, attacker) });

    expect(await outcomeOf({ client_assertion: await assertion({ jti: 'mine' }) })).toBe('is keyed');
  });
});
