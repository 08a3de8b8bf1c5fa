import type { Middleware } from 'koa';
import type { Seconds } from '../oauth/index.ts';
import { reject } from '../oauth/index.ts';

/** Counts requests of one address. */
export interface RateLimiter {
  /** Counts one request; the seconds to wait when there were too many, else `undefined`. Never throws. */
  consume(address: string): Promise<Seconds | undefined>;
}

/** Lets requests through to `endpoint` as long as the limiter has room for their address (RFC 6585 §4). */
export function limited(limiter: RateLimiter | undefined, endpoint: Middleware): Middleware {
  if (limiter === undefined) return endpoint;
  return async function limit(ctx, next) {
    const wait = await limiter.consume(ctx.ip);
    if (wait === undefined) return endpoint(ctx, next);
    ctx.set('Retry-After', String(wait));
    throw reject('rate_limited');
  };
}
