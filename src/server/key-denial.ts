import { CLOCK_SKEW, DEFAULT_POLL_INTERVAL, type KeyRecord, type KeyRing } from '../keys/index.ts';
import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { Audit, Clock } from '../platform/index.ts';
import type { DenylistStore, NewDenylistEntry } from '../tokens/index.ts';

/** Keeps revoked signing keys on the denylist. */
export interface KeyDenial {
  /** Looks for revoked keys now, and denies those that the denylist does not have. Never rejects. */
  look(): Promise<void>;
  close(): void;
}

// A validator may hold a JWK Set for a day while the server is away.
const BEYOND_REMOVAL: Seconds = 86_400;
/** Soon again, in seconds, while the store does not answer. */
const AGAIN_AFTER_FAILURE: Seconds = 5;

/**
 * The entry that denies a revoked signing key. Whoever has the key can sign tokens of any lifetime, so it stands for as long
 * as anybody may hold its public half.
 */
export function keyDenial(key: Pick<KeyRecord, 'kid' | 'removeAt'>, now: EpochSeconds): NewDenylistEntry {
  return { kind: 'key', id: key.kid, lifetime: Math.max(0, key.removeAt - now) + BEYOND_REMOVAL };
}

/**
 * The revocation of a key is two writes in two places: its file, which takes it out of the JWK Set, and the denylist, by
 * which validators hear of it. Whoever made only the first one was cut off in between, or could not reach the store; every
 * server that sees the key revoked makes the second one, also where the store has lost it.
 */
export function createKeyDenial(deps: {
  keys: Pick<KeyRing, 'list'>;
  denylist: Pick<DenylistStore, 'match' | 'deny'>;
  clock: Clock;
  audit: Audit;
}): KeyDenial {
  const { keys, denylist, clock, audit } = deps;
  let last = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let isFailing = false;
  let isClosed = false;

  async function denyMissing(): Promise<void> {
    const revoked = keys.list().filter(({ family, state }) => family === 'signing' && state === 'revoked');
    if (revoked.length === 0) return;
    const standing = await denylist.match(revoked.map(({ kid }) => ({ kind: 'key', id: kid })));
    const now = clock();
    for (const key of revoked) {
      const entry = keyDenial(key, now);
      const until = now + entry.lifetime - CLOCK_SKEW;
      if (standing.some(({ id, expiresAt }) => id === key.kid && expiresAt >= until)) continue;
      await denylist.deny(entry);
      audit({ event: 'denylist.entry_added', kind: 'key', id: key.kid });
    }
  }

  async function lookOnce(): Promise<void> {
    clearTimeout(timer);
    if (isClosed) return;
    try {
      await denyMissing();
      isFailing = false;
    } catch {
      if (!isFailing) audit({ event: 'key.denial_failed' });
      isFailing = true;
    }
    const pause = isFailing ? AGAIN_AFTER_FAILURE : DEFAULT_POLL_INTERVAL;
    timer = setTimeout(() => void look(), pause * 1000).unref();
  }

  function look(): Promise<void> {
    last = last.then(lookOnce);
    return last;
  }

  return {
    look,
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
