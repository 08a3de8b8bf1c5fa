import {
  type DpopExpectation,
  type DpopProof,
  type DpopProofFault,
  type EpochSeconds,
  findDpopProofFault,
  readDpopProof,
  reject,
  type SenderConstraint,
  thumbprintInput,
} from '../oauth/index.ts';
import { sha256 } from '../platform/index.ts';
import { parseForeignKey } from './foreign-key.ts';

/** A DPoP proof that holds: the key it proves, and what is needed to count it once. */
export interface ProvedKey extends SenderConstraint {
  readonly jti: string;
  readonly iat: EpochSeconds;
  readonly nonce?: string;
}

/**
 * Verifies the DPoP proof of a request (RFC 9449 §4.3): form, key, signature, method, URL and time. Whether it was used
 * before, and its nonce, are for the caller.
 * @throws OAuthError `dpop_proof_invalid`
 */
export async function verifyDpopProof(text: string, request: DpopExpectation, now: EpochSeconds): Promise<ProvedKey> {
  const proof = readDpopProof(text);
  if (typeof proof === 'string') throw invalid(proof);
  if (!(await isSigned(text, proof))) throw invalid('signature');
  const fault = findDpopProofFault(proof, request, now);
  if (fault !== undefined) throw invalid(fault);
  const { jti, iat, nonce } = proof;
  return { jkt: sha256(thumbprintInput(proof.jwk)), jti, iat, ...(nonce !== undefined && { nonce }) };
}

function isSigned(text: string, { jwk, alg }: DpopProof): Promise<boolean> {
  const key = parseForeignKey({ ...jwk, alg });
  if (typeof key === 'string') throw invalid('key');
  return key.verify(text);
}

function invalid(fault: DpopProofFault) {
  return reject('dpop_proof_invalid', { fault });
}
