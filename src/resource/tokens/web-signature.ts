import { bytesOfBase64url } from '../../oauth/index.ts';
import type { PublicMembers } from '../keys/verification-key.ts';
import type { JwsAlgorithm, JwsAlgorithmName } from './jws-algorithm.ts';

type Check = (input: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>) => Promise<boolean>;

interface Steps {
  readonly key: RsaHashedImportParams | EcKeyImportParams | Algorithm;
  readonly signature: RsaPssParams | EcdsaParams | Algorithm;
}

/** How Web Cryptography is asked about the signatures of an algorithm. */
function stepsOf(alg: JwsAlgorithmName, { kty, crv, hash, isPss }: JwsAlgorithm): Steps {
  const digest = { sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' }[hash ?? 'sha256'];
  if (kty === 'EC') {
    return { key: { name: 'ECDSA', namedCurve: crv ?? '' }, signature: { name: 'ECDSA', hash: digest } };
  }
  if (kty === 'RSA' && isPss === true) {
    const saltLength = Number(digest.slice(4)) / 8;
    return { key: { name: 'RSA-PSS', hash: digest }, signature: { name: 'RSA-PSS', saltLength } };
  }
  const name = kty === 'RSA' ? 'RSASSA-PKCS1-v1_5' : kty === 'OKP' ? 'Ed25519' : alg;
  return { key: kty === 'RSA' ? { name, hash: digest } : { name }, signature: { name } };
}

/**
 * Checks signatures by Web Cryptography under the public key of a JWK. The key is imported when it is first needed; one that
 * cannot be imported (a point off the curve) verifies nothing.
 */
export function webSignatures(members: PublicMembers, alg: JwsAlgorithmName, algorithm: JwsAlgorithm): Check {
  const steps = stepsOf(alg, algorithm);
  const length = algorithm.signatureLength ?? bytesOfBase64url(members['n'] ?? '').length;
  let imported: Promise<CryptoKey> | undefined;

  return async (input, signature) => {
    if (signature.length !== length) return false;
    try {
      imported ??= crypto.subtle.importKey('jwk', members, steps.key, false, ['verify']);
      return await crypto.subtle.verify(steps.signature, await imported, signature, input);
    } catch {
      return false;
    }
  };
}

/** Whether Web Cryptography here knows an algorithm; those of post-quantum signatures only where it says so itself. */
export function isKnownToWebCrypto(alg: JwsAlgorithmName, { kty }: JwsAlgorithm): boolean {
  const { SubtleCrypto } = globalThis as { SubtleCrypto?: { supports?: (operation: string, name: string) => boolean } };
  return kty !== 'AKP' || SubtleCrypto?.supports?.('verify', alg) === true;
}
