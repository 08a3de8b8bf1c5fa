import type { Middleware } from 'koa';
import type { Seconds } from '../oauth/index.ts';
import { answerCacheable } from './cacheable.ts';

/** A JWK Set ready to be served. */
export interface PublishedJwkSet {
  readonly body: string;
  /** Strong entity tag, quoted. */
  readonly etag: string;
  readonly maxAge: Seconds;
}

/**
 * GET the JWK Set (RFC 7517 §5). Caches may keep it for a short while, and much longer while we are away: an old set
 * still verifies every token that is out.
 */
export function jwksEndpoint(jwkSet: () => PublishedJwkSet): Middleware {
  return async function jwks(ctx) {
    const { body, etag, maxAge } = jwkSet();
    const cacheControl = `public, max-age=${maxAge}, stale-while-revalidate=60, stale-if-error=86400`;
    answerCacheable(ctx, { body, etag, cacheControl });
  };
}
