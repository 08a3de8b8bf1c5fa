import { createHash, createSecretKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  type JwsSigner,
  jwkSetKindOf,
  type KeyRing,
  type PublicJwk,
  type SecretFamily,
  type SecretKey,
  type SigningAlg,
} from '../../src/keys/index.ts';

/** A signing key of the tests, with the private half at hand for building what an attacker or a foreign issuer would. */
export interface TestSigner extends JwsSigner {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const signers = new Map<string, TestSigner>();

/** The signing key of a name: made once, the same for the whole run. */
export function testSigner(alg: SigningAlg = 'ES256', name = 'one'): TestSigner {
  const known = signers.get(`${alg} ${name}`);
  if (known !== undefined) return known;
  const made = makeSigner(alg);
  signers.set(`${alg} ${name}`, made);
  return made;
}

/** The secret key of a family and a name: 32 fixed bytes, the same in every run. */
export function testSecret(family: SecretFamily, name = 'one'): SecretKey {
  const digest = (text: string) => createHash('sha256').update(`guardmint test ${text}`);
  return {
    family,
    kid: digest(`kid ${family} ${name}`).digest('base64url'),
    secret: createSecretKey(digest(`secret ${family} ${name}`).digest()),
  };
}

/**
 * A key ring that needs no folder and no clock. The first name and the first signer are in force, the others still
 * verify: `createTestKeyRing({ secrets: ['two', 'one'] })` is the ring of one name after a rotation.
 */
export function createTestKeyRing(
  keys: { readonly secrets?: readonly string[]; readonly signers?: readonly TestSigner[] } = {},
): KeyRing {
  const names = keys.secrets ?? ['one'];
  const ring = keys.signers ?? [testSigner()];
  const secrets = (family: SecretFamily) => names.map((name) => testSecret(family, name));
  const first = <T>(items: readonly T[]): T => {
    const [item] = items;
    if (item === undefined) throw new Error('the test key ring is empty');
    return item;
  };
  return {
    signer: () => first(ring),
    findPublicJwk: (kid) => ring.find((signer) => signer.kid === kid)?.publicJwk,
    activeSecret: (family) => first(secrets(family)),
    findSecret: (family, kid) => secrets(family).find((key) => key.kid === kid),
    secrets,
    jwkSet: (kind = 'classical') => {
      const published = ring.map((signer) => signer.publicJwk).filter((jwk) => jwkSetKindOf(jwk) === kind);
      const body = JSON.stringify({ keys: published });
      return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"`, maxAge: 300 };
    },
    list: () => [],
    reload: async () => {},
    close: async () => {},
  };
}

function makeSigner(alg: SigningAlg): TestSigner {
  const { privateKey, publicKey } = makePair(alg);
  const bare = publicKey.export({ format: 'jwk' });
  const kid = thumbprint(bare as Record<string, string>);
  const publicJwk = { ...bare, kid, alg, use: 'sig' } as unknown as PublicJwk;
  return { kid, alg, publicJwk, privateKey, publicKey, sign: (input) => signBytes(alg, privateKey, input) };
}

function makePair(alg: SigningAlg): { privateKey: KeyObject; publicKey: KeyObject } {
  if (alg === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  if (alg === 'ES384') return generateKeyPairSync('ec', { namedCurve: 'P-384' });
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519');
  if (alg === 'ML-DSA-44') return generateKeyPairSync('ml-dsa-44');
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

/** A JWS signature over `input` (RFC 7518 §3, RFC 8037 §3.1, RFC 9964), by Node's own crypto. */
export function signBytes(alg: SigningAlg, key: KeyObject, input: Uint8Array): Buffer {
  if (alg === 'EdDSA' || alg === 'ML-DSA-44') return sign(null, input, key);
  if (alg === 'PS256') return sign('sha256', input, { key, padding: 6, saltLength: 32 });
  if (alg === 'RS256') return sign('sha256', input, key);
  return sign(alg === 'ES384' ? 'sha384' : 'sha256', input, { key, dsaEncoding: 'ieee-p1363' });
}

/** RFC 7638 §3, RFC 9964: the required members in lexical order. */
function thumbprint(jwk: Record<string, string>): string {
  const members = { EC: 'crv kty x y', RSA: 'e kty n', OKP: 'crv kty x', AKP: 'alg kty pub' }[jwk['kty'] ?? ''] ?? '';
  const canonical = Object.fromEntries(members.split(' ').map((name) => [name, jwk[name]]));
  return createHash('sha256').update(JSON.stringify(canonical)).digest('base64url');
}
