import type { Middleware } from 'koa';
import type { ServerMetadata } from '../oauth/index.ts';
import { sha256 } from '../platform/index.ts';

/** GET the authorization server metadata (RFC 8414 §3): one cacheable string with a strong entity tag. */
export function metadataEndpoint(metadata: ServerMetadata): Middleware {
  const body = JSON.stringify(metadata);
  const etag = `"${sha256(body).slice(0, 22)}"`;
  return async function serverMetadata(ctx) {
    ctx.set('Cache-Control', 'public, max-age=300');
    ctx.set('ETag', etag);
    ctx.type = 'application/json';
    ctx.status = 200;
    if (ctx.fresh) ctx.status = 304;
    else ctx.body = body;
  };
}
