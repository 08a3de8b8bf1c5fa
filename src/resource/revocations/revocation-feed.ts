import type { EpochSeconds, RevocationClaims, Seconds } from '../../oauth/index.ts';
import type { Background } from '../runtime/background.ts';
import type { Clock } from '../runtime/clock.ts';
import type { UrlOpener } from '../runtime/open-url.ts';
import { REPLICAS_APART } from './revocation-document.ts';
import { createRevocationEntries } from './revocation-entries.ts';
import { createRevocationList } from './revocation-list.ts';
import type { RevocationSource, RevocationState } from './revocation-source.ts';
import type { RevocationReader } from './revocation-stream.ts';
import {
  createSubscription,
  type RevocationPlaces,
  SUBSCRIPTION_TIMINGS,
  type SubscriptionTimings,
} from './revocation-subscription.ts';
import { createRevocationVisits } from './revocation-visits.ts';

const FRESH: Seconds = 15;
const DEGRADED: Seconds = 60;
/** How long the first tokens wait for the first answer, in milliseconds. */
const FIRST_ANSWER = 1_000;
const MAX_ENTRIES = 1_000_000;

/**
 * What an issuer has revoked, by its own signed word. It begins with `begin`, keeps itself up to date through outages and
 * never forgets an entry before its end, whatever it reads.
 */
export function createRevocationFeed(deps: {
  locate: () => Promise<RevocationPlaces | undefined>;
  open: UrlOpener;
  /** Verifies a document; rejects what is not to be believed. */
  readDocument: (text: string) => Promise<RevocationClaims>;
  clock: Clock;
  /** Told at once of a signing key that is denied. */
  onKeyDenied: (kid: string) => void;
  timings?: Partial<SubscriptionTimings>;
  /** Where nothing works between requests: what takes work that nobody waits for. Then tokens look after the list. */
  background?: Background | undefined;
  /** How many entries are held; who is told of more goes stale, and says why. */
  maxEntries?: number;
}): RevocationSource {
  const { readDocument, clock, onKeyDenied, maxEntries = MAX_ENTRIES } = deps;
  const entries = createRevocationEntries();
  const listeners = new Set<() => void>();
  const firstAnswer = Promise.withResolvers<void>();
  let isWaiting = true;
  let waiting: Promise<void> | undefined;
  let version = 0;
  let position: string | undefined;
  let heardAt: EpochSeconds | undefined;
  let isOffered = true;
  let lastFailure: string | undefined;

  const reader: RevocationReader = {
    position: () => position,

    async read(text) {
      const claims = await readDocument(text);
      const now = clock();
      if (claims.iat < (heardAt ?? 0) - REPLICAS_APART) throw new Error('the document is older than one that was read');
      entries.tidy(now);
      if (entries.size > maxEntries) throw new Error('more is revoked than can be held');
      for (const [kid, expiresAt] of claims.key) if (expiresAt > now) onKeyDenied(kid);
      if (entries.add(claims, now)) tellChange();
      const { epoch, prev, seq, iat } = claims;
      const way = now - iat;
      if (prev !== undefined && `${epoch}.${prev}` !== position) return { isGap: true, way };
      position = `${epoch}.${seq}`;
      // Never back, so that repeating a document is no news; never ahead of our clock, so that no replica's makes us fresh.
      heardAt = Math.max(heardAt ?? 0, Math.min(iat, now));
      lastFailure = undefined;
      return { isGap: false, way };
    },

    losePosition() {
      position = undefined;
    },

    report(outcome) {
      isWaiting = false;
      firstAnswer.resolve();
      if (typeof outcome === 'string') isOffered = outcome === 'offered';
      else lastFailure = outcome.failure instanceof Error ? outcome.failure.message : 'unknown';
    },
  };

  const timings = { ...SUBSCRIPTION_TIMINGS, ...deps.timings };
  const list = createRevocationList({ open: deps.open, reader, timings });

  function tellChange(): void {
    version += 1;
    for (const listener of [...listeners]) listener();
  }

  /** The timer keeps the process alive, and must: somebody waits. */
  function waitForFirstAnswer(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(end, FIRST_ANSWER);
      void firstAnswer.promise.then(end);
      function end(): void {
        clearTimeout(timer);
        isWaiting = false;
        resolve();
      }
    });
  }

  function ready(): Promise<void> | undefined {
    if (!isWaiting) return undefined;
    waiting ??= waitForFirstAnswer();
    return waiting;
  }

  function state(now: EpochSeconds): RevocationState {
    const age = heardAt === undefined ? undefined : Math.max(0, now - heardAt);
    return {
      freshness: !isOffered ? 'absent' : freshnessOf(age),
      entries: entries.size,
      ...(heardAt !== undefined && { heardAt }),
      ...(age !== undefined && { ageSeconds: age }),
      ...(position !== undefined && { position }),
      ...(lastFailure !== undefined && { lastFailure }),
    };
  }

  const known = {
    prepare: entries.prepare,
    isDenied: entries.isDenied,
    version: () => version,
    watch(listener: () => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    state,
  };
  if (deps.background !== undefined)
    return { ...known, ...createRevocationVisits({ locate: deps.locate, list, reader, background: deps.background }) };
  const { start, close } = createSubscription({ locate: deps.locate, list, reader, timings });
  return { ...known, begin: start, ready, close };
}

function freshnessOf(age: Seconds | undefined): RevocationState['freshness'] {
  if (age === undefined || age > DEGRADED) return 'stale';
  return age > FRESH ? 'degraded' : 'fresh';
}
