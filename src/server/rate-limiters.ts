import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { RateLimiter } from '../endpoints/index.ts';
import type { Seconds } from '../oauth/index.ts';
import { networkOf } from '../platform/index.ts';

/** How many requests one address may make in how many seconds. */
export interface RateLimit {
  readonly requests: number;
  readonly seconds: Seconds;
}

/** A limiter that counts in this process. Addresses of one IPv6 network of 64 bits count as one. */
export function createRateLimiter(limit: RateLimit): RateLimiter {
  const counter = new RateLimiterMemory({ points: limit.requests, duration: limit.seconds });
  return {
    async consume(address) {
      try {
        await counter.consume(networkOf(address));
        return undefined;
      } catch (refusal) {
        const wait = (refusal as { msBeforeNext?: unknown }).msBeforeNext;
        return typeof wait === 'number' ? Math.max(1, Math.ceil(wait / 1000)) : undefined;
      }
    },
  };
}
