import { type EpochSeconds, isAccessTokenExpired, type Seconds } from '../../oauth/index.ts';
import type { RevocableToken, RevocationSource } from '../revocations/revocation-source.ts';
import type { Clock } from '../runtime/clock.ts';
import { startTimer, type Timer } from '../runtime/pause.ts';

/**
 * Why a token that was good is so no more: its time is over, its issuer revoked it, or revocations have not been heard of
 * for so long that nobody can tell (`onStale: 'unavailable'`).
 */
export type TokenEnd = 'expired' | 'revoked' | 'unknown';

/** A verified token, as far as its end goes. */
export interface EndingToken {
  readonly expiresAt: EpochSeconds;
  readonly revocable: RevocableToken;
}

/** Calls `onEnd` once, unless stopped before; never before it has returned how to stop. */
export type TokenWatch = (token: EndingToken, onEnd: (end: TokenEnd) => void) => () => void;

/** While a source of revocations may go stale it is looked at that often: so late at most its silence is noticed. */
const LOOK: Seconds = 15;
/** After a change of revocations nothing is looked at for so many milliseconds: many streams cost little where much is revoked. */
const SETTLING = 50;
/** What a timer can wait at most: 24 days. */
const LONGEST_TIMER = 2_147_483_647;

/**
 * Waits for the end of tokens, by the rules by which a verifier would refuse them: whoever comes back with a token whose end
 * was told is not let in. A revocation is told when it is heard of; one timer waits for the expiry and keeps no process alive.
 */
export function createTokenWatch(deps: {
  clock: Clock;
  clockTolerance: Seconds;
  revocations: RevocationSource | undefined;
  onStale: 'accept' | 'unavailable';
}): TokenWatch {
  const { clock, clockTolerance, revocations, onStale } = deps;
  const mayGoStale = revocations !== undefined && onStale === 'unavailable';
  const looks = new Set<() => void>();
  let unwatch: (() => void) | undefined;
  let isSettling = false;
  let hasChanged = false;

  function join(look: () => void): void {
    looks.add(look);
    unwatch ??= revocations?.watch?.(lookEverywhere);
  }

  function leave(look: () => void): void {
    looks.delete(look);
    if (looks.size > 0) return;
    unwatch?.();
    unwatch = undefined;
  }

  /** At once, and then again only when it has settled. */
  function lookEverywhere(): void {
    hasChanged = isSettling;
    if (isSettling) return;
    isSettling = true;
    startTimer(() => {
      isSettling = false;
      if (hasChanged) lookEverywhere();
    }, SETTLING);
    for (const look of [...looks]) look();
  }

  return (token, onEnd) => {
    let timer: Timer | undefined;
    let isStopped = false;
    let isEnded = false;
    join(look);
    look();
    return () => {
      isStopped = true;
      end();
    };

    function look(): void {
      if (isStopped || isEnded) return;
      const prepared = revocations?.prepare?.(token.revocable);
      if (prepared !== undefined) return void prepared.then(look);
      const now = clock();
      const reason = endOf(token, now);
      if (reason !== undefined) tell(reason);
      // News of others comes often, and leaves the timer as it is.
      else timer ??= startTimer(lookAgain, waitingTime(now));
    }

    function lookAgain(): void {
      timer = undefined;
      look();
    }

    function waitingTime(now: EpochSeconds): number {
      // A verifier with tolerance refuses a token from the second after it on.
      const rest = token.expiresAt + clockTolerance + (clockTolerance > 0 ? 1 : 0) - now;
      return Math.min((mayGoStale ? Math.min(rest, LOOK) : rest) * 1000, LONGEST_TIMER);
    }

    function tell(reason: TokenEnd): void {
      isEnded = true;
      end();
      queueMicrotask(() => {
        if (!isStopped) onEnd(reason);
      });
    }

    function end(): void {
      clearTimeout(timer);
      leave(look);
    }
  };

  function endOf({ expiresAt, revocable }: EndingToken, now: EpochSeconds): TokenEnd | undefined {
    if (isAccessTokenExpired(expiresAt, clockTolerance, now)) return 'expired';
    if (revocations === undefined) return undefined;
    if (revocations.isDenied(revocable)) return 'revoked';
    return mayGoStale && revocations.state(now).freshness === 'stale' ? 'unknown' : undefined;
  }
}
