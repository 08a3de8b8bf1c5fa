import cors from '@koa/cors';
import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { reject } from '../oauth/index.ts';
import { errorBoundary, type FaultReporter, type RefusalPage } from './error-boundary.ts';

/** One address of the server: who answers which method, and whether scripts of other origins may read the answer. */
export interface Route {
  readonly path: string;
  readonly get?: Middleware;
  readonly post?: Middleware;
  readonly delete?: Middleware;
  /** Cross-origin scripts may call it: metadata and the endpoints clients call, never a page (MCP clients in browsers). */
  readonly isCrossOrigin: boolean;
  /** It is for people in a browser; else for programs. */
  readonly isForPeople?: boolean;
}

const ALLOWED_HEADERS = [
  'Authorization',
  'Content-Type',
  'MCP-Protocol-Version',
  'DPoP',
  'Accept',
  'If-None-Match',
  'Cache-Control',
  'Last-Event-ID',
];
const EXPOSED_HEADERS = ['WWW-Authenticate', 'Retry-After', 'ETag', 'DPoP-Nonce'];

/** Mounts routes; any method but theirs is answered with 405 and `Allow` (RFC 9110 §15.5.6). */
export function mountRoutes(
  router: Router,
  routes: readonly Route[],
  faults: { readonly reportFault: FaultReporter; readonly refusalPage?: RefusalPage | undefined },
): void {
  for (const route of routes) {
    const methods = [
      ...(route.get === undefined ? [] : ['GET', 'HEAD']),
      ...(route.post === undefined ? [] : ['POST']),
      ...(route.delete === undefined ? [] : ['DELETE']),
      ...(route.isCrossOrigin ? ['OPTIONS'] : []),
    ];
    const stack: Middleware[] = [];
    if (route.isCrossOrigin) {
      stack.push(
        cors({
          origin: '*',
          allowMethods: methods,
          allowHeaders: ALLOWED_HEADERS,
          exposeHeaders: EXPOSED_HEADERS,
          maxAge: 600,
          keepHeadersOnError: false,
        }),
      );
    }
    stack.push(errorBoundary({ ...faults, audience: route.isForPeople === true ? 'people' : 'programs' }));
    stack.push(async function dispatch(ctx, next) {
      const endpoint = endpointOf(route, ctx.method);
      requireSingleHeaders(ctx);
      if (endpoint !== undefined) return endpoint(ctx, next);
      ctx.set('Allow', methods.join(', '));
      if (ctx.method === 'OPTIONS' && route.isCrossOrigin) {
        ctx.status = 204;
        return undefined;
      }
      throw reject('method_not_allowed');
    });
    router.all(route.path, ...stack);
  }
}

function endpointOf(route: Route, method: string): Middleware | undefined {
  if (method === 'GET' || method === 'HEAD') return route.get;
  return method === 'POST' ? route.post : method === 'DELETE' ? route.delete : undefined;
}

const SINGLE_HEADERS: ReadonlySet<string> = new Set(['authorization', 'content-type', 'content-encoding', 'host']);

/**
 * Node takes the first of two such headers, a proxy in front may have read the second (RFC 9110 §5.3, RFC 9112 §3.2).
 * @throws OAuthError `header_repeated`
 */
function requireSingleHeaders(ctx: Context): void {
  const seen = new Set<string>();
  const { rawHeaders } = ctx.req;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!SINGLE_HEADERS.has(name)) continue;
    if (seen.has(name)) throw reject('header_repeated', { header: name });
    seen.add(name);
  }
}
