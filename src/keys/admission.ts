import type { KeyObject } from 'node:crypto';
import { UnavailableError } from '../oauth/index.ts';
import { type KeyBackend, KeyRefusedError, type StoredKey } from './key-backend.ts';
import { findPublicKeyFault, findSecretFault } from './key-material.ts';
import type { JwsSigner } from './key-ring.ts';
import { passesCanary } from './signer.ts';

/** A key that passed the checks, with the means to use it when it has any. */
export interface HeldKey {
  readonly record: StoredKey;
  readonly signer?: JwsSigner;
  readonly secret?: KeyObject;
}

/**
 * Opens a key of any backend and checks what backends and jose let through: a weak or misnamed key, a private half that
 * does not belong to its public half. A key whose private half is gone, or cannot be reached now, is held for verifying
 * only: its signatures may be met.
 * @throws KeyRefusedError for a key that must not be used.
 */
export async function admitKey(backend: KeyBackend, record: StoredKey): Promise<HeldKey> {
  if (record.family === 'signing') await checkPublicHalf(record);
  if (isDestroyed(record)) return { record };
  try {
    return record.family === 'signing'
      ? { record, signer: await openSigner(backend, record) }
      : { record, secret: await openSecret(backend, record) };
  } catch (error) {
    if (error instanceof UnavailableError) return { record };
    throw error;
  }
}

/** Whether the private half (or the secret) of a key was deleted. */
export function isDestroyed(record: StoredKey): boolean {
  return record.destroyedAt !== undefined || record.revokedAt !== undefined;
}

async function checkPublicHalf({ publicJwk, kid, alg, slot, hasOwnKid }: StoredKey): Promise<void> {
  if (publicJwk === undefined || publicJwk.alg !== alg) throw new KeyRefusedError(slot, 'key_type_mismatch');
  const fault = publicJwk.kid === kid ? await findPublicKeyFault(publicJwk) : 'kid_mismatch';
  // What a kid of somebody else's is has been compared above.
  if (fault === 'kid_mismatch' && hasOwnKid === true && publicJwk.kid === kid) return;
  if (fault !== undefined) throw new KeyRefusedError(slot, fault);
}

async function openSigner(backend: KeyBackend, record: StoredKey): Promise<JwsSigner> {
  const signer = await backend.openSigner(record);
  const isRecorded = signer.kid === record.kid && signer.alg === record.alg;
  if (!isRecorded || !(await passesCanary({ ...signer, publicJwk: record.publicJwk ?? signer.publicJwk })))
    throw new KeyRefusedError(record.slot, 'canary_failed');
  return signer;
}

async function openSecret(backend: KeyBackend, record: StoredKey): Promise<KeyObject> {
  const secret = await backend.openSecret(record);
  const fault = await findSecretFault(secret, record.kid);
  if (fault !== undefined) throw new KeyRefusedError(record.slot, fault);
  return secret;
}
