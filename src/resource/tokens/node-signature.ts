import type { KeyObject } from 'node:crypto';
import type { PublicMembers } from '../keys/verification-key.ts';
import { ecdsaToDer, pssPublicKeyInfo } from '../runtime/der.ts';
import { isProcess, nodeModule } from '../runtime/node-module.ts';
import type { JwsAlgorithm } from './jws-algorithm.ts';

type NodeCrypto = NonNullable<ReturnType<typeof nodeModule<'node:crypto'>>>;
type Check = (input: Uint8Array, signature: Uint8Array) => boolean;

/** How signatures are checked with Node's own crypto, synchronously; `undefined` where there is none, or not the whole of it. */
export const nodeSignatures = createNodeSignatures(isProcess() ? nodeModule('node:crypto') : undefined);

function createNodeSignatures(crypto: NodeCrypto | undefined) {
  return crypto === undefined
    ? undefined
    : (members: PublicMembers, algorithm: JwsAlgorithm) => {
        const key = importKey(crypto, members, algorithm);
        return key === undefined ? undefined : createCheck(crypto, key, algorithm);
      };
}

function importKey(crypto: NodeCrypto, members: PublicMembers, algorithm: JwsAlgorithm): KeyObject | undefined {
  try {
    const key = crypto.createPublicKey({ key: members, format: 'jwk' });
    if (algorithm.isPss === undefined || algorithm.hash === null) return key;
    // Node takes the padding of a key of this type from the key itself: verifying with the bare key costs half as much.
    const pkcs1 = key.export({ type: 'pkcs1', format: 'der' });
    return crypto.createPublicKey({ key: pssPublicKeyInfo(pkcs1, algorithm.hash), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

function createCheck({ verify }: NodeCrypto, key: KeyObject, algorithm: JwsAlgorithm): Check {
  const { hash } = algorithm;
  const length = algorithm.signatureLength ?? Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  const isSigned = (input: Uint8Array, signature: Uint8Array): boolean => {
    try {
      return verify(hash, input, key, signature);
    } catch {
      return false;
    }
  };
  if (algorithm.kty !== 'EC') return (input, signature) => signature.length === length && isSigned(input, signature);
  // DER goes to OpenSSL with the bare key; asking Node for r‖s takes an options object, which costs more than half of the
  // whole verification.
  const size = length / 2;
  return (input, signature) => signature.length === length && isSigned(input, ecdsaToDer(signature, size));
}
