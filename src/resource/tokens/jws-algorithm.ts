/** How a JWS algorithm verifies (RFC 7518 §3, RFC 8037 §3.1, RFC 9864, RFC 9964). */
export interface JwsAlgorithm {
  readonly kty: 'EC' | 'RSA' | 'OKP' | 'AKP';
  readonly crv?: string;
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null;
  /** Length in bytes of one coordinate of a curve point, or of a whole raw key. */
  readonly size?: number;
  readonly isPss?: true;
  /** Length of a signature in bytes where the key does not decide it. */
  readonly signatureLength?: number;
}

const ALGORITHMS = {
  ES256: { kty: 'EC', crv: 'P-256', hash: 'sha256', size: 32, signatureLength: 64 },
  ES384: { kty: 'EC', crv: 'P-384', hash: 'sha384', size: 48, signatureLength: 96 },
  ES512: { kty: 'EC', crv: 'P-521', hash: 'sha512', size: 66, signatureLength: 132 },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', hash: null, size: 32, signatureLength: 64 },
  Ed25519: { kty: 'OKP', crv: 'Ed25519', hash: null, size: 32, signatureLength: 64 },
  RS256: { kty: 'RSA', hash: 'sha256' },
  RS384: { kty: 'RSA', hash: 'sha384' },
  RS512: { kty: 'RSA', hash: 'sha512' },
  PS256: { kty: 'RSA', hash: 'sha256', isPss: true },
  PS384: { kty: 'RSA', hash: 'sha384', isPss: true },
  PS512: { kty: 'RSA', hash: 'sha512', isPss: true },
  'ML-DSA-44': { kty: 'AKP', hash: null, size: 1312, signatureLength: 2420 },
} as const satisfies Record<string, JwsAlgorithm>;

/** `alg` of a signature this library can verify. Asymmetric ones only. */
export type JwsAlgorithmName = keyof typeof ALGORITHMS;

/** What is accepted unless a verifier is told otherwise: what guardmint signs with. */
export const DEFAULT_ALGORITHMS: readonly JwsAlgorithmName[] = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'];

/** Whether `alg` names an algorithm of the table; any other value, of any type, does not. */
export function isJwsAlgorithmName(alg: unknown): alg is JwsAlgorithmName {
  return typeof alg === 'string' && Object.hasOwn(ALGORITHMS, alg);
}

/** The row of an algorithm. */
export function jwsAlgorithm(name: JwsAlgorithmName): JwsAlgorithm {
  return ALGORITHMS[name];
}

/** The one algorithm a key without `alg` is bound to by its type and curve (RFC 8725 §3.1); `undefined` for no such key. */
export function impliedAlgorithm(kty: unknown, crv: unknown): JwsAlgorithmName | undefined {
  if (kty === 'RSA') return 'RS256';
  if (kty === 'OKP' && crv === 'Ed25519') return 'EdDSA';
  if (kty !== 'EC') return undefined;
  return crv === 'P-256' ? 'ES256' : crv === 'P-384' ? 'ES384' : crv === 'P-521' ? 'ES512' : undefined;
}
