import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { RateLimiter } from '../endpoints/index.ts';
import type { Seconds } from '../oauth/index.ts';

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

function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const left = head.split(':').filter((group) => group !== '');
  if (tail === undefined) return left.slice(0, 4).join(':');
  const right = tail.split(':').filter((group) => group !== '');
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  return groups.slice(0, 4).join(':');
}
