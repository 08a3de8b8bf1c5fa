import type { Context } from 'koa';

/** A JSON document that caches may keep. */
export interface CacheableDocument {
  readonly body: string;
  /** Strong entity tag, quoted. */
  readonly etag: string;
  readonly cacheControl: string;
}

/**
 * Answers with a document, or with 304 to a request that names its entity tag (RFC 9110 §13.1.2). `Cache-Control: no-cache`
 * of a request speaks to caches on the way, and `fetch` adds it to every conditional request; the origin's 304 is as fresh
 * as its 200.
 */
export function answerCacheable(ctx: Context, document: CacheableDocument): void {
  ctx.set('Cache-Control', document.cacheControl);
  ctx.set('ETag', document.etag);
  ctx.type = 'application/json';
  const known = ctx
    .get('If-None-Match')
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(document.etag) || known.includes('*')) ctx.status = 304;
  else ctx.body = document.body;
}
