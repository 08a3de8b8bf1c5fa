import { LRUCache } from 'lru-cache';
import { type EpochSeconds, parseJsonObject, type Seconds, UnavailableError } from '../oauth/index.ts';
import { type Clock, type GuardedFetch, GuardedFetchError } from '../platform/index.ts';
import { createBackOff, createRateLimit } from './document-back-off.ts';
import { freshnessLifetime, isJsonType } from './document-cache.ts';
import type { ForeignKey } from './foreign-key.ts';
import { candidateKeys, type JwkSet, parseForeignKeys } from './jwk-set.ts';

/** The JWK Sets this process knows by their `jwks_uri`. */
export interface RemoteJwkSets {
  /** The set at a URL. Nothing is fetched before its first `find`; sets of one URL share what was fetched. */
  at(jwksUri: string): JwkSet;
}

/** Bounds on what `jwks_uri`s may cost. Absent members: the defaults named. */
export interface JwkSetLimits {
  /** Shortest time a set is used without asking again, in seconds; absent: 60. */
  readonly floor?: Seconds;
  /** Longest; absent: 1 h. */
  readonly ceiling?: Seconds;
  /** How long a set stands in for a host that fails, from when it was last confirmed; absent: 24 h. */
  readonly staleIfError?: Seconds;
  /** How often a key that is not in the set may make us ask for the set again; absent: 30. */
  readonly unknownKeyPause?: Seconds;
  /** Sets kept; absent: 1,000. */
  readonly maxSets?: number;
  /** Sets not yet known that are fetched from one host within a minute; absent: 60. */
  readonly perHostPerMinute?: number;
}

interface CachedSet {
  readonly keys: readonly ForeignKey[];
  readonly confirmedAt: EpochSeconds;
  readonly freshUntil: EpochSeconds;
}

const MAX_BYTES = 64 * 1_024;
const USUAL_LIFETIME: Seconds = 300;
const DAY: Seconds = 86_400;

/**
 * JWK Sets fetched through the guarded fetch: one fetch at a time for a URL, kept by the headers of the answer within the
 * bounds; errors are never kept. A `kid` that is not in the set makes us ask again, once in a while. While the host fails,
 * it is left alone for 5 s to 5 min and the last good set stands in.
 * `find` throws UnavailableError when there is no set, whatever the reason: it maps no network.
 */
export function createRemoteJwkSets(deps: { fetch: GuardedFetch; clock: Clock; limits?: JwkSetLimits }): RemoteJwkSets {
  const { fetch, clock } = deps;
  const { floor = 60, ceiling = 3_600, staleIfError = DAY, unknownKeyPause = 30 } = deps.limits ?? {};
  const { maxSets = 1_000, perHostPerMinute = 60 } = deps.limits ?? {};
  const known = new LRUCache<string, CachedSet>({ max: maxSets });
  const underWay = new Map<string, Promise<CachedSet>>();
  const backOff = createBackOff({ clock, free: 3, maxNames: 2 * maxSets });
  const admitNewSet = createRateLimit({ clock, perMinute: perHostPerMinute, maxNames: maxSets });

  async function find(jwksUri: string, header: { alg: string; kid?: string }): Promise<readonly ForeignKey[]> {
    const held = known.get(jwksUri);
    const isFresh = held !== undefined && clock() < held.freshUntil;
    if (isFresh) {
      const found = candidateKeys(held.keys, header);
      if (found.length > 0 || clock() < held.confirmedAt + unknownKeyPause) return found;
    }
    return candidateKeys((await renew(jwksUri, held)).keys, header);
  }

  function renew(jwksUri: string, held: CachedSet | undefined): Promise<CachedSet> {
    const pending = underWay.get(jwksUri);
    if (pending !== undefined) return pending;
    const renewed = fetchSet(jwksUri, held)
      .catch((fault: unknown) => {
        if (held !== undefined && clock() < held.confirmedAt + staleIfError) return held;
        throw fault;
      })
      .finally(() => underWay.delete(jwksUri));
    underWay.set(jwksUri, renewed);
    return renewed;
  }

  async function fetchSet(jwksUri: string, held: CachedSet | undefined): Promise<CachedSet> {
    const pause = backOff.wait(jwksUri);
    if (pause > 0) throw unavailable(pause);
    if (held === undefined && !admitNewSet(URL.parse(jwksUri)?.host ?? '')) throw unavailable(60);
    try {
      const fetched = await ask(jwksUri);
      backOff.succeeded(jwksUri);
      if (fetched.freshUntil > clock()) known.set(jwksUri, fetched);
      return fetched;
    } catch (thrown) {
      if (thrown instanceof GuardedFetchError && thrown.fault === 'busy') throw unavailable(1);
      backOff.failed(jwksUri);
      throw unavailable(Math.max(5, backOff.wait(jwksUri)), thrown);
    }
  }

  async function ask(jwksUri: string): Promise<CachedSet> {
    const answer = await fetch(jwksUri, {
      maxBytes: MAX_BYTES,
      headers: { accept: 'application/jwk-set+json, application/json' },
    });
    const isSet = answer.status === 200 && isJsonType(answer.headers['content-type']);
    const keys = isSet ? parseForeignKeys(parseJsonObject(answer.text)) : undefined;
    if (keys === undefined) throw new Error(`no JWK Set (status ${answer.status})`);
    const now = clock();
    // `no-store` counts as the floor: a set that is asked for at every signature would be a way to make us flood its host.
    const lifetime = freshnessLifetime(answer.headers, { floor, ceiling, usual: USUAL_LIFETIME }) ?? floor;
    return { keys: keys.usable, confirmedAt: now, freshUntil: now + lifetime };
  }

  return { at: (jwksUri) => ({ find: (header) => find(jwksUri, header) }) };
}

function unavailable(retryAfter: Seconds, cause?: unknown): UnavailableError {
  return new UnavailableError('JWK Set of another party', { retryAfter, cause });
}
