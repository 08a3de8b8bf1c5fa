import { constants, createPublicKey, type KeyObject, sign as signWith, verify } from 'node:crypto';
import { compactVerify, importJWK } from 'jose';
import { UnavailableError } from '../oauth/index.ts';
import type { JwsSigner, PublicJwk } from './key-ring.ts';

/**
 * A signer over a private key in this process. EC and Ed25519 sign at once; RSA and ML-DSA, which take a millisecond,
 * sign in the thread pool so that they do not hold up the event loop.
 */
export function createLocalSigner(publicJwk: PublicJwk, privateKey: KeyObject): JwsSigner {
  const { kid, alg } = publicJwk;
  const sign = signFunction(alg, privateKey);
  return {
    kid,
    alg,
    publicJwk,
    sign(input, { signal }) {
      if (signal.aborted) throw new UnavailableError('signing key', { cause: signal.reason });
      return sign(input);
    },
  };
}

/** ECDSA-Sig-Value in DER (RFC 3279 §2.2.3) as r‖s of `size` bytes each (RFC 7518 §3.4). */
export function joseSignature(der: Uint8Array, size: number): Uint8Array {
  const signature = new Uint8Array(2 * size);
  let offset = 2;
  for (const end of [size, 2 * size]) {
    const length = der[offset + 1] ?? 0;
    const integer = der.subarray(offset + 2, offset + 2 + length);
    // A DER integer is signed and minimal: it may have a zero in front, and may be shorter than the field.
    const digits = integer.length > size ? integer.subarray(integer.length - size) : integer;
    signature.set(digits, end - digits.length);
    offset += 2 + length;
  }
  return signature;
}

/** Tells signatures of a key in JOSE form from anything else. */
export function createSignatureCheck(publicJwk: PublicJwk): (input: Uint8Array, signature: Uint8Array) => boolean {
  const key = createPublicKey({ key: { ...publicJwk }, format: 'jwk' });
  switch (publicJwk.alg) {
    case 'ES256':
      return (input, signature) => verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'ES384':
      return (input, signature) => verify('sha384', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'EdDSA':
    case 'ML-DSA-44':
      return (input, signature) => verify(null, input, key, signature);
    case 'RS256':
      return (input, signature) => verify('sha256', input, key, signature);
    case 'PS256':
      return (input, signature) =>
        verify('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature);
  }
}

/**
 * Whether jose, an implementation that is not ours, verifies what the signer signs under its public key. Asked once per
 * key, before the first token is signed with it.
 */
export async function passesCanary(signer: JwsSigner): Promise<boolean> {
  const header = Buffer.from(JSON.stringify({ alg: signer.alg, typ: 'canary', kid: signer.kid })).toString('base64url');
  const input = `${header}.${Buffer.from('canary').toString('base64url')}`;
  const signature = await signer.sign(Buffer.from(input), { signal: AbortSignal.timeout(CANARY_TIMEOUT_MS) });
  try {
    const key = await importJWK({ ...signer.publicJwk }, signer.alg);
    await compactVerify(`${input}.${Buffer.from(signature).toString('base64url')}`, key, { algorithms: [signer.alg] });
    return true;
  } catch {
    return false;
  }
}

const CANARY_TIMEOUT_MS = 5_000;

// Node takes about 43 µs more for `dsaEncoding: 'ieee-p1363'` than for the bare key, as much as the signature itself.
function signFunction(alg: PublicJwk['alg'], key: KeyObject): (input: Uint8Array) => Uint8Array | Promise<Uint8Array> {
  switch (alg) {
    case 'ES256':
      return (input) => joseSignature(signWith('sha256', input, key), 32);
    case 'ES384':
      return (input) => joseSignature(signWith('sha384', input, key), 48);
    case 'EdDSA':
      return (input) => signWith(null, input, key);
    case 'RS256':
      return (input) => signInPool('sha256', input, key);
    case 'PS256':
      return (input) => signInPool('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
    case 'ML-DSA-44':
      return (input) => signInPool(null, input, key);
  }
}

function signInPool(
  hash: 'sha256' | null,
  input: Uint8Array,
  key: Parameters<typeof signWith>[2],
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    signWith(hash, input, key, (error, signature) => {
      if (error === null) resolve(signature);
      else reject(new UnavailableError('signing key', { cause: error }));
    });
  });
}
