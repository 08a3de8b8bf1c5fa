import type Router from '@koa/router';
import type { Context, Middleware, Next } from 'koa';
import { OAuthError, REJECTIONS, reject } from '../oauth/index.ts';
import type { Audit } from '../platform/index.ts';
import { classifyFault } from './fault-page.ts';
import { requestIdOf } from './presenter.ts';

/**
 * Turns what a page threw into an answer, a page or, for who prefers that, JSON; and says it once: a refusal to the audit,
 * anything else to the app.
 */
export function answerErrors(deps: { showError: (ctx: Context, error: unknown) => void; audit: Audit }): Middleware {
  return async function boundary(ctx: Context, next: Next) {
    try {
      await next();
    } catch (error) {
      if (ctx.accepts('html', 'json') === 'json') writeJson(ctx, error);
      else deps.showError(ctx, error);
      if (error instanceof OAuthError) {
        deps.audit({ event: 'request.refused', reason: error.reason, requestId: requestIdOf(ctx) });
      } else ctx.app.emit('error', error, ctx);
    }
  };
}

function writeJson(ctx: Context, fault: unknown): void {
  const { reason, retryAfter } = classifyFault(fault);
  const { status, error, description } = REJECTIONS[reason];
  ctx.set('Cache-Control', 'no-store');
  if (retryAfter !== undefined) ctx.set('Retry-After', String(retryAfter));
  ctx.status = status;
  ctx.body = { error, error_description: description };
}

/** Refuses what none of the routes answers: 405 with `Allow` where there is another method (RFC 9110 §15.5.6), else 404. */
export function refuseTheRest(router: Router): void {
  router.all('rest', '/{*rest}', (ctx) => {
    const others = router.match(ctx.path, ctx.method).path.filter((layer) => layer.name !== 'rest');
    const methods = new Set(others.flatMap((layer) => layer.methods));
    if (methods.size === 0) throw reject('not_found');
    ctx.set('Allow', [...methods].join(', '));
    throw reject('method_not_allowed');
  });
}
