import type { Middleware } from 'koa';
import type { ServerMetadata } from '../oauth/index.ts';
import { sha256 } from '../platform/index.ts';
import { answerCacheable } from './cacheable.ts';

/** GET the authorization server metadata (RFC 8414 §3): one cacheable string with a strong entity tag. */
export function metadataEndpoint(metadata: ServerMetadata): Middleware {
  const body = JSON.stringify(metadata);
  const etag = `"${sha256(body).slice(0, 22)}"`;
  return async function serverMetadata(ctx) {
    answerCacheable(ctx, { body, etag, cacheControl: 'public, max-age=300' });
  };
}
