import type { Seconds } from '../oauth/index.ts';
import type { KeyFamily, SecretFamily } from './key-ring.ts';

const MINUTE = 60;
const DAY = 86_400;

/** Seconds by which the clocks of two instances may differ. */
export const CLOCK_SKEW: Seconds = 60;

/** Seconds between two readings of the keys by a ring, unless it is told otherwise. */
export const DEFAULT_POLL_INTERVAL: Seconds = 30;

/** The periods in the life of the keys of one family. */
export interface KeyPeriods {
  /** Everybody knows a key for at least so long before it is used first. */
  readonly publishLead: Seconds;
  /** A key is in force for so long. */
  readonly activePeriod: Seconds;
  /** A key verifies (or opens) for so long after it went out of force. */
  readonly hold: Seconds;
}

/** The periods of every family. */
export type KeyTimings = Readonly<Record<KeyFamily, KeyPeriods>>;

/** What the periods of keys must leave room for. All in seconds. */
export interface KeyTimingNeeds {
  /** Longest life of an access token. */
  readonly accessTokenLifetime: Seconds;
  /** How long caches may answer with a JWK Set: its longest `max-age`, and `stale-while-revalidate`. */
  readonly jwksCached: Seconds;
  /** How often a validator fetches the JWK Set again. */
  readonly refreshPeriod: Seconds;
  readonly skew: Seconds;
  /** How often an instance reads the keys again; 30 when left out. */
  readonly pollInterval?: Seconds;
  /** Absolute life of a refresh token. */
  readonly refreshTokenLifetime?: Seconds;
  /** Life of the sealed artefact that lives longest. */
  readonly sealedLifetime?: Seconds;
}

/**
 * A month per signing key, known a day before and held a day after. Refresh secrets outlive the longest refresh family
 * (90 d), sealing secrets the longest sealed artefact. A client secret verifies for a century: a client_id has no expiry,
 * and clients cannot be told to register again.
 */
export const defaultTimings: KeyTimings = {
  signing: { publishLead: DAY, activePeriod: 30 * DAY, hold: DAY },
  sealing: { publishLead: DAY, activePeriod: 30 * DAY, hold: 31 * DAY },
  client: { publishLead: DAY, activePeriod: 365 * DAY, hold: 36_500 * DAY },
  refresh: { publishLead: DAY, activePeriod: 30 * DAY, hold: 91 * DAY },
};

/**
 * What is wrong with the periods, as a sentence with the arithmetic in it; `undefined` when nothing is. Periods that pass
 * make a rotation invisible: no validator meets a key it cannot have fetched, and none loses a key that an unexpired
 * token names.
 */
export function findTimingsFault(timings: KeyTimings, needs: KeyTimingNeeds): string | undefined {
  const { accessTokenLifetime, jwksCached, refreshPeriod, skew } = needs;
  const poll = needs.pollInterval ?? DEFAULT_POLL_INTERVAL;
  for (const [family, periods] of Object.entries(timings)) {
    for (const [name, value] of Object.entries(periods)) {
      if (!Number.isSafeInteger(value) || value < 0) return `${family}.${name} must be whole seconds, not ${value}`;
    }
    if (periods.activePeriod < Math.max(MINUTE, periods.publishLead)) {
      return (
        `${family}.activePeriod of ${periods.activePeriod} s is too short: the next key is made when this one comes ` +
        `into force and must wait ${periods.publishLead} s (publish lead), at least ${MINUTE} s`
      );
    }
  }
  const published: readonly Term[] = [
    [jwksCached, 'JWK Set in caches'],
    [refreshPeriod, 'refresh period of validators'],
    [poll, 'poll interval'],
    [skew, 'clock skew'],
  ];
  const held: readonly Term[] = [
    [accessTokenLifetime, 'access token lifetime'],
    [jwksCached, 'JWK Set in caches'],
    [skew, 'clock skew'],
  ];
  return (
    findShortfall('signing.publishLead', timings.signing.publishLead, published) ??
    findShortfall('signing.hold', timings.signing.hold, held) ??
    findSecretShortfall('sealing', timings, needs, needs.sealedLifetime) ??
    findSecretShortfall('refresh', timings, needs, needs.refreshTokenLifetime) ??
    findSecretShortfall('client', timings, needs, undefined)
  );
}

type Term = readonly [seconds: Seconds, what: string];

function findSecretShortfall(
  family: SecretFamily,
  timings: KeyTimings,
  needs: KeyTimingNeeds,
  lifetime: Seconds | undefined,
): string | undefined {
  const { publishLead, hold } = timings[family];
  const poll = needs.pollInterval ?? DEFAULT_POLL_INTERVAL;
  return (
    findShortfall(`${family}.publishLead`, publishLead, [
      [poll, 'poll interval'],
      [needs.skew, 'clock skew'],
    ]) ??
    findShortfall(`${family}.hold`, hold, [
      [lifetime ?? 0, 'life of what it made'],
      [needs.skew, 'clock skew'],
    ])
  );
}

function findShortfall(name: string, seconds: Seconds, terms: readonly Term[]): string | undefined {
  const least = terms.reduce((sum, [term]) => sum + term, 0);
  if (seconds >= least) return undefined;
  const arithmetic = terms.map(([term, what]) => `${term} s (${what})`).join(' + ');
  return `${name} of ${seconds} s is too short: ${arithmetic} = ${least} s`;
}
