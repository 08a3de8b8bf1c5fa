import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Seconds } from '../oauth/index.ts';
import { networkOf, sha256 } from '../platform/index.ts';

/** Slows down guessing of passwords. Nobody is locked out: an account opens again when its window ends. */
export interface SignInThrottle {
  /** Counts one attempt before it is made. `undefined` to go on, else how long to wait. */
  admit(attempt: SignInAttempt): Promise<Seconds | undefined>;
  /** Takes back what a successful attempt counted. */
  forgive(attempt: SignInAttempt): Promise<void>;
}

/** Who tries to sign in, and from where. */
export interface SignInAttempt {
  /** The username in its one spelling; it need not exist. */
  readonly account: string;
  /** IP address of the browser, by the operator's proxy settings. */
  readonly address: string;
}

// An account is counted per network first, so that guessing from elsewhere hardly keeps its owner out; and in all, so that
// many networks together do not guess without limit.
const PER_ACCOUNT_AND_NETWORK = { points: 10, duration: 300 };
const PER_ACCOUNT = { points: 50, duration: 900 };
const PER_NETWORK = { points: 60, duration: 300 };

/** Counts attempts in this process, per account and per network. */
export function createSignInThrottle(): SignInThrottle {
  const byNetwork = new RateLimiterMemory({ keyPrefix: 'network', ...PER_NETWORK });
  const byPair = new RateLimiterMemory({ keyPrefix: 'pair', ...PER_ACCOUNT_AND_NETWORK });
  const byAccount = new RateLimiterMemory({ keyPrefix: 'account', ...PER_ACCOUNT });

  function keysOf({ account, address }: SignInAttempt) {
    const network = networkOf(address);
    return { network, account: sha256(account), pair: sha256(`${network} ${account}`) };
  }

  async function admit(attempt: SignInAttempt): Promise<Seconds | undefined> {
    const keys = keysOf(attempt);
    // A network over its limit must not go on counting against the accounts of others.
    return (
      (await count(byNetwork, keys.network)) ??
      (await count(byPair, keys.pair)) ??
      (await count(byAccount, keys.account))
    );
  }

  async function forgive(attempt: SignInAttempt): Promise<void> {
    const keys = keysOf(attempt);
    await byNetwork.reward(keys.network, 1);
    await byPair.delete(keys.pair);
    await byAccount.reward(keys.account, 1);
  }

  return { admit, forgive };
}

/** A throttle that lets everybody through. */
export const openThrottle: SignInThrottle = { admit: async () => undefined, forgive: async () => {} };

async function count(limiter: RateLimiterMemory, key: string): Promise<Seconds | undefined> {
  try {
    await limiter.consume(key);
    return undefined;
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
  }
}
