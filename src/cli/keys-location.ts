import { KeyRefusedError, reasonOf, type StoredKey } from '../keys/index.ts';
import type { CommandKeys } from './keys-folder.ts';

/** Where the private half of a key is: `folder`, `pkcs11 5f3a…`, or `nowhere` once it was deleted. */
export function locationOf({ external, destroyedAt, revokedAt }: StoredKey): string {
  if (external !== undefined) return `${external.store} ${external.id}`;
  return destroyedAt === undefined && revokedAt === undefined ? 'folder' : 'nowhere';
}

/** What `keys check` finds out about a key in a store. */
export interface StoreFinding {
  readonly level: 'fault' | 'note';
  readonly file: string;
  readonly reason: string;
  readonly advice: string;
}

/** Asks the stores for the keys that are in them. */
export async function storeFindings({ backend, settled }: CommandKeys): Promise<StoreFinding[]> {
  const findings: StoreFinding[] = [];
  for (const key of settled) {
    const { external, slot } = key;
    if (external === undefined) continue;
    const where = locationOf(key);
    if (key.destroyedAt !== undefined) {
      const advice = `has ended, and ${where} was not deleted there yet; a running server tries again`;
      findings.push({ level: 'note', file: slot, reason: 'left_in_store', advice });
      continue;
    }
    try {
      await backend.openSigner(key);
      findings.push({ level: 'note', file: slot, reason: 'in_store', advice: `has its private half in ${where}` });
    } catch (error) {
      const reason = error instanceof KeyRefusedError ? error.reason : 'store_unavailable';
      const cause = reason === 'store_unavailable' ? ` (${reasonOf(error)})` : '';
      findings.push({ level: 'fault', file: slot, reason, advice: `${ADVICE[reason] ?? reason}${cause}: ${where}` });
    }
  }
  return findings;
}

const ADVICE: Readonly<Record<string, string>> = {
  store_unavailable: 'cannot be used now, because its store cannot be reached or does not let us in',
  store_not_configured: 'is in a store that neither keys.backend nor keys.formerBackends names',
  object_missing: 'is not in the store that is configured: another token, account or mount, or somebody deleted it',
  key_mismatch: 'is another key in the store than the record says',
};
