import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { type Seconds, UnavailableError } from '../oauth/index.ts';
import { networkOf, sha256 } from '../platform/index.ts';

/** Slows down guessing of passwords. Nobody is locked out: an account opens again when its window ends. */
export interface SignInThrottle {
  /** Counts one attempt before it is made. `undefined` to go on, else how long to wait. @throws UnavailableError */
  admit(attempt: SignInAttempt): Promise<Seconds | undefined>;
  /** Takes back what a successful attempt counted. @throws UnavailableError */
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
const PER_ACCOUNT_AND_NETWORK = { name: 'pair', attempts: 10, seconds: 300 };
const PER_ACCOUNT = { name: 'account', attempts: 50, seconds: 900 };
const PER_NETWORK = { name: 'network', attempts: 60, seconds: 300 };

/** How many attempts of what in how many seconds. */
export interface AttemptLimit {
  readonly name: string;
  readonly attempts: number;
  readonly seconds: Seconds;
}

/** Makes a counter of the library that several servers share. */
export type CreateLimiter = (limit: AttemptLimit) => RateLimiterAbstract;

/**
 * Counts attempts in this process, per account and per network, and where several servers share their counts, there too: who
 * makes those forget has won nothing, and while they cannot be reached nobody signs in.
 */
export function createSignInThrottle(createShared?: CreateLimiter): SignInThrottle {
  const own = createCounts(
    ({ name, attempts, seconds }) => new RateLimiterMemory({ keyPrefix: name, points: attempts, duration: seconds }),
  );
  if (createShared === undefined) return own;
  const shared = createCounts(createShared);
  return {
    admit: async (attempt) => (await own.admit(attempt)) ?? (await shared.admit(attempt)),
    async forgive(attempt) {
      await shared.forgive(attempt);
      await own.forgive(attempt);
    },
  };
}

function createCounts(create: CreateLimiter): SignInThrottle {
  const byNetwork = create(PER_NETWORK);
  const byPair = create(PER_ACCOUNT_AND_NETWORK);
  const byAccount = create(PER_ACCOUNT);

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
    try {
      await byNetwork.reward(keys.network, 1);
      await byPair.delete(keys.pair);
      await byAccount.reward(keys.account, 1);
    } catch (cause) {
      throw new UnavailableError('rate limits', { cause });
    }
  }

  return { admit, forgive };
}

/** A throttle that lets everybody through. */
export const openThrottle: SignInThrottle = { admit: async () => undefined, forgive: async () => {} };

async function count(limiter: RateLimiterAbstract, key: string): Promise<Seconds | undefined> {
  try {
    await limiter.consume(key);
    return undefined;
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw new UnavailableError('rate limits', { cause: refusal });
    return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
  }
}
