import { type EpochSeconds, isAccessTokenExpired, type Seconds } from '../oauth/index.ts';
import type { Clock } from './clock.ts';
import { startTimer, type Timer } from './pause.ts';
import type { RevocableToken, RevocationSource } from './revocation-source.ts';

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

  return (token, onEnd) => {
    let timer: Timer | undefined;
    let isStopped = false;
    let isEnded = false;
    const unwatch = revocations?.watch?.(look);
    look();
    return () => {
      isStopped = true;
      leave();
    };

    function look(): void {
      if (isStopped || isEnded) return;
      const prepared = revocations?.prepare?.(token.revocable);
      if (prepared !== undefined) return void prepared.then(look);
      const now = clock();
      const end = endOf(token, now);
      if (end === undefined) wait(now);
      else tell(end);
    }

    function wait(now: EpochSeconds): void {
      // A verifier with tolerance refuses a token from the second after it on.
      const rest = token.expiresAt + clockTolerance + (clockTolerance > 0 ? 1 : 0) - now;
      clearTimeout(timer);
      timer = startTimer(look, Math.min((mayGoStale ? Math.min(rest, LOOK) : rest) * 1000, LONGEST_TIMER));
    }

    function tell(end: TokenEnd): void {
      isEnded = true;
      leave();
      queueMicrotask(() => {
        if (!isStopped) onEnd(end);
      });
    }

    function leave(): void {
      clearTimeout(timer);
      unwatch?.();
    }
  };

  function endOf({ expiresAt, revocable }: EndingToken, now: EpochSeconds): TokenEnd | undefined {
    if (isAccessTokenExpired(expiresAt, clockTolerance, now)) return 'expired';
    if (revocations === undefined) return undefined;
    if (revocations.isDenied(revocable)) return 'revoked';
    return mayGoStale && revocations.state(now).freshness === 'stale' ? 'unknown' : undefined;
  }
}
