import { type EpochSeconds, type Seconds, UnavailableError } from '../../oauth/index.ts';
import { type Background, within } from '../runtime/background.ts';
import { fetchJson, type JsonAnswer, type JsonFetcher } from '../runtime/fetch-json.ts';
import { keepsEveryKey, parseJwkSet, type VerificationKeys } from './jwk-set.ts';
import type { KeySource, KeySourceState } from './key-source.ts';
import type { VerificationKey } from './verification-key.ts';

/** After this long a set is fetched again in the background, or sooner when its `max-age` says so. */
const REFRESH_AFTER: Seconds = 300;
const REFRESH_FLOOR: Seconds = 10;
/** A set that could not be confirmed for this long is dropped. */
const HARD_LIMIT: Seconds = 86_400;
/** An unknown kid makes us ask at most this often. */
const UNKNOWN_KID_PAUSE: Seconds = 10;
const MAX_BACK_OFF: Seconds = 60;

/** How many fetches one look at the set takes at most: the metadata in its places, and the set. */
const PATIENCE = 4;

const NEVER = Number.NEGATIVE_INFINITY;
const NO_SET: JsonAnswer = { status: 'fetched', document: { keys: [] } };

interface Held {
  readonly keys: VerificationKeys;
  readonly etag?: string;
  readonly confirmedAt: EpochSeconds;
}

/**
 * Keys fetched from a `jwks_uri`. One fetch at a time; a failing server is asked again after 1, 2, 4 … 60 seconds and the
 * last good set stands meanwhile, for a day. No timer keeps running.
 */
export function createRemoteKeys(deps: {
  /** Finds the `jwks_uri`; asked again after a failure. `undefined`: there is no such set now, as if it had no keys. */
  locate: (fetcher: JsonFetcher) => Promise<string | undefined>;
  fetch: typeof globalThis.fetch;
  timeout: Seconds;
  /** Whether a set without keys is one: where another set may have them. */
  mayBeEmpty?: boolean;
  background: Background;
  /** Called when a key went away or changed: what was verified with it must be verified again. */
  onKeyGone: () => void;
}): KeySource {
  const closing = new AbortController();
  const fetcher: JsonFetcher = { fetch: deps.fetch, timeout: deps.timeout, signal: closing.signal };
  /** Denied by the issuer; a cache on the way may still serve them. */
  const dropped = new Set<string>();
  let held: Held | undefined;
  let url: string | undefined;
  let underWay: Promise<void> | undefined;
  let begunAt: EpochSeconds = NEVER;
  let askedAt: EpochSeconds = NEVER;
  let failures = 0;
  let lastFailure: string | undefined;
  let mayAskAt: EpochSeconds = NEVER;
  let refreshAt: EpochSeconds = NEVER;

  function tend(now: EpochSeconds): Promise<void> | undefined {
    if (held !== undefined && now >= held.confirmedAt + HARD_LIMIT) {
      held = undefined;
      deps.onKeyGone();
    }
    if (held === undefined || now < refreshAt || now < mayAskAt || (underWay !== undefined && !isLost(now)))
      return undefined;
    return deps.background(ask(now));
  }

  /** Where work ends with the request that began it, nobody may be told how it ended. */
  function isLost(now: EpochSeconds): boolean {
    return now > begunAt + PATIENCE * deps.timeout;
  }

  /** Asks once; whoever comes meanwhile waits for the same answer. Never rejects. */
  function ask(now: EpochSeconds): Promise<void> {
    if (closing.signal.aborted) return Promise.resolve();
    askedAt = now;
    if (underWay !== undefined && !isLost(now)) return underWay;
    begunAt = now;
    const work = refresh(now).finally(() => {
      if (underWay === work) underWay = undefined;
    });
    underWay = work;
    return work;
  }

  async function refresh(now: EpochSeconds): Promise<void> {
    try {
      url ??= await deps.locate(fetcher);
      const answer = url === undefined ? NO_SET : await fetchJson(url, fetcher, held?.etag);
      // Another look has begun since: this one was given up.
      if (begunAt !== now) return;
      if (answer.status === 'fetched') replace(answer.document, answer.etag, now);
      else if (held !== undefined) held = { ...held, confirmedAt: now };
      failures = 0;
      lastFailure = undefined;
      mayAskAt = NEVER;
      refreshAt = now + Math.max(REFRESH_FLOOR, Math.min(REFRESH_AFTER, answer.maxAge ?? REFRESH_AFTER));
    } catch (error) {
      if (begunAt !== now) return;
      failures += 1;
      lastFailure = error instanceof Error ? error.message : 'unknown';
      mayAskAt = now + Math.min(MAX_BACK_OFF, 2 ** (failures - 1));
      url = undefined;
    }
  }

  function replace(document: unknown, etag: string | undefined, now: EpochSeconds): void {
    const keys = parseJwkSet(document, deps.mayBeEmpty);
    if (keys === undefined) throw new Error('the answer is no JWK Set with usable keys');
    const before = held;
    held = { keys, confirmedAt: now, ...(etag !== undefined && { etag }) };
    if (before !== undefined && !keepsEveryKey(before.keys, keys)) deps.onKeyGone();
  }

  function find(kid: string): VerificationKey | undefined {
    return dropped.has(kid) ? undefined : held?.keys.byKid.get(kid);
  }

  function drop(kid: string, now: EpochSeconds): void {
    if (dropped.has(kid)) return;
    dropped.add(kid);
    void deps.background(ask(now));
  }

  async function seek(kid: string, now: EpochSeconds): Promise<VerificationKey | undefined> {
    if (dropped.has(kid)) return undefined;
    if (underWay !== undefined && !isLost(now)) await within(underWay, PATIENCE * deps.timeout * 1000);
    else if (now >= mayAskAt && (held === undefined || now >= askedAt + UNKNOWN_KID_PAUSE)) await ask(now);
    const key = find(kid);
    if (key !== undefined) return key;
    if (held === undefined || failures > 0)
      throw new UnavailableError('the keys of the issuer', { retryAfter: Math.max(1, mayAskAt - now) });
    return undefined;
  }

  function state(): KeySourceState {
    return {
      status: held === undefined ? 'none' : failures === 0 ? 'fresh' : 'old',
      kids: [...(held?.keys.byKid.keys() ?? [])].filter((kid) => !dropped.has(kid)),
      refused: held?.keys.refused ?? [],
      failures,
      ...(held !== undefined && { confirmedAt: held.confirmedAt }),
      ...(lastFailure !== undefined && { lastFailure }),
    };
  }

  return { tend, find, seek, drop, state, close: () => closing.abort() };
}
