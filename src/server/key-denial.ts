import { CLOCK_SKEW, DEFAULT_POLL_INTERVAL, type KeyRecord, type KeyRing } from '../keys/index.ts';
import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { Audit, Clock } from '../platform/index.ts';
import type { DenylistStore, NewDenylistEntry } from '../tokens/index.ts';

/** Keeps what the folder and the denylist say of signing keys the same. */
export interface KeyDenial {
  /** Looks now; denies revoked keys that the denylist does not have, and revokes denied keys. Never rejects. */
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
 * server that sees the key revoked makes the second one, also where the store has lost it. And a folder that was restored
 * from a backup may hold a key as it was before its revocation: one that is denied is revoked there, before anything that
 * nobody would accept is signed with it for long.
 */
export function createKeyDenial(deps: {
  keys: Pick<KeyRing, 'list'>;
  denylist: Pick<DenylistStore, 'match' | 'deny'>;
  /** Ends a key in the folder, and reads it again. @throws UnavailableError */
  revoke: (kid: string, at: EpochSeconds) => Promise<void>;
  clock: Clock;
  audit: Audit;
}): KeyDenial {
  const { keys, denylist, revoke, clock, audit } = deps;
  let last = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let isFailing = false;
  let isClosed = false;

  async function bringTogether(): Promise<void> {
    const signing = keys.list().filter(({ family, state }) => family === 'signing' && state !== 'removed');
    const standing = await denylist.match(signing.map(({ kid }) => ({ kind: 'key', id: kid })));
    const now = clock();
    for (const key of signing) {
      const denied = standing.find(({ id }) => id === key.kid);
      if (key.state !== 'revoked') {
        if (denied !== undefined) await revoke(key.kid, now);
        continue;
      }
      const entry = keyDenial(key, now);
      if (denied !== undefined && denied.expiresAt >= now + entry.lifetime - CLOCK_SKEW) continue;
      await denylist.deny(entry);
      audit({ event: 'denylist.entry_added', kind: 'key', id: key.kid });
    }
  }

  async function lookOnce(): Promise<void> {
    clearTimeout(timer);
    if (isClosed) return;
    try {
      await bringTogether();
      isFailing = false;
    } catch {
      // Without a revoked key nothing is missing: the outage is told by others.
      const isMissed = keys.list().some(({ family, state }) => family === 'signing' && state === 'revoked');
      if (isMissed && !isFailing) audit({ event: 'key.denial_failed' });
      isFailing = isMissed;
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
