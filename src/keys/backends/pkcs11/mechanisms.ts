import { createHash } from 'node:crypto';
import type { JsonObject } from '../../../oauth/index.ts';
import type { SigningAlg } from '../../key-ring.ts';
import { type Attribute, CK, type Mechanism } from './module-api.ts';

/** How a token makes keys of an algorithm, and signs with them in JOSE form. */
export interface AlgorithmMechanisms {
  readonly generate: Mechanism;
  readonly keyType: number;
  /** What the template of the public key says beside the ordinary. */
  readonly publicTemplate: readonly Attribute[];
  readonly sign: Mechanism;
  /** What is handed to the token for an input. */
  prepare(input: Uint8Array): Buffer;
  /** Attributes that make the public key, and the JWK of their values. */
  readonly publicAttributes: readonly number[];
  toPublicJwk(values: readonly Buffer[]): JsonObject;
}

const digest = (name: string) => (input: Uint8Array) => createHash(name).update(input).digest();
const asItIs = (input: Uint8Array) => Buffer.from(input);
// DigestInfo of SHA-256 (RFC 8017 §9.2): modules differ in how much they hash themselves, a digest all take.
const SHA256_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');
const digestInfo = (input: Uint8Array) => Buffer.concat([SHA256_INFO, digest('sha256')(input)]);

function ec(crv: string, oid: string, size: number, hash: string): AlgorithmMechanisms {
  return {
    generate: { mechanism: CK.CKM_EC_KEY_PAIR_GEN },
    keyType: CK.CKK_EC,
    publicTemplate: [{ type: CK.CKA_EC_PARAMS, value: Buffer.from(oid, 'hex') }],
    // Bare ECDSA takes the digest and answers r‖s, which is the JOSE form.
    sign: { mechanism: CK.CKM_ECDSA },
    prepare: digest(hash),
    publicAttributes: [CK.CKA_EC_POINT],
    toPublicJwk([point = Buffer.alloc(0)]) {
      const bytes = octets(point, 1 + 2 * size);
      if (bytes[0] !== 4) throw new Error('not an uncompressed point');
      return { kty: 'EC', crv, x: base64url(bytes.subarray(1, 1 + size)), y: base64url(bytes.subarray(1 + size)) };
    },
  };
}

function rsa(sign: Mechanism, prepare: AlgorithmMechanisms['prepare'], bits: number): AlgorithmMechanisms {
  return {
    generate: { mechanism: CK.CKM_RSA_PKCS_KEY_PAIR_GEN },
    keyType: CK.CKK_RSA,
    publicTemplate: [
      { type: CK.CKA_MODULUS_BITS, value: bits },
      { type: CK.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
    ],
    sign,
    prepare,
    publicAttributes: [CK.CKA_MODULUS, CK.CKA_PUBLIC_EXPONENT],
    toPublicJwk: ([n = Buffer.alloc(0), e = Buffer.alloc(0)]) => ({ kty: 'RSA', n: integer(n), e: integer(e) }),
  };
}

const ED25519: AlgorithmMechanisms = {
  generate: { mechanism: CK.CKM_EC_EDWARDS_KEY_PAIR_GEN },
  keyType: CK.CKK_EC_EDWARDS,
  publicTemplate: [{ type: CK.CKA_EC_PARAMS, value: Buffer.from('06032b6570', 'hex') }],
  sign: { mechanism: CK.CKM_EDDSA },
  prepare: asItIs,
  publicAttributes: [CK.CKA_EC_POINT],
  toPublicJwk: ([point = Buffer.alloc(0)]) => ({ kty: 'OKP', crv: 'Ed25519', x: base64url(octets(point, 32)) }),
};

// The kind of parameters, as pkcs11js counts them.
const RSA_PSS_PARAMETERS = 5;
const PSS = { type: RSA_PSS_PARAMETERS, hashAlg: CK.CKM_SHA256, mgf: CK.CKG_MGF1_SHA256, saltLen: 32 };

/** The mechanisms of an algorithm; `rsaBits` is the size of RSA keys that are made. @throws TypeError for ML-DSA-44. */
export function mechanismsFor(alg: SigningAlg, rsaBits: number): AlgorithmMechanisms {
  switch (alg) {
    case 'ES256':
      return ec('P-256', '06082a8648ce3d030107', 32, 'sha256');
    case 'ES384':
      return ec('P-384', '06052b81040022', 48, 'sha384');
    case 'EdDSA':
      return ED25519;
    case 'RS256':
      return rsa({ mechanism: CK.CKM_RSA_PKCS }, digestInfo, rsaBits);
    case 'PS256':
      return rsa({ mechanism: CK.CKM_RSA_PKCS_PSS, parameter: PSS }, digest('sha256'), rsaBits);
    case 'ML-DSA-44':
      throw new TypeError('ML-DSA-44 needs PKCS #11 v3.2, which is not spoken here');
  }
}

/** The content of CKA_EC_POINT: a DER OCTET STRING (PKCS #11 v2.40 §2.3.3), which some tokens leave out. */
function octets(point: Buffer, size: number): Buffer {
  if (point.length === size) return point;
  if (point[0] === 4 && point[1] === size && point.length === size + 2) return point.subarray(2);
  throw new Error('not a point of that size');
}

/** A big-endian integer as JWK has it (RFC 7518 §2): without zeros in front. */
function integer(bytes: Buffer): string {
  const first = bytes.findIndex((byte) => byte !== 0);
  return base64url(bytes.subarray(Math.max(0, first)));
}

function base64url(bytes: Buffer): string {
  return bytes.toString('base64url');
}
