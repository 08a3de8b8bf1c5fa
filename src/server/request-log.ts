import type { Middleware } from 'koa';
import type { FaultReporter } from '../endpoints/index.ts';
import { OAuthError, UnavailableError } from '../oauth/index.ts';
import type { Audit, Random } from '../platform/index.ts';
import { describeRequest, type Log, type Metrics } from '../telemetry/index.ts';

/** Gives every request an id, answered as `X-Request-Id`; writes one line when it is answered, and counts it. */
export function requestLog(deps: { log: Log; random: Random; metrics: Pick<Metrics, 'countRequest'> }): Middleware {
  const { log, random, metrics } = deps;
  return async function logRequest(ctx, next) {
    const started = performance.now();
    const requestId = random(9);
    ctx.state['requestId'] = requestId;
    ctx.set('X-Request-Id', requestId);
    try {
      await next();
    } finally {
      const milliseconds = performance.now() - started;
      const route = routeOf(ctx) ?? 'none';
      metrics.countRequest({ method: ctx.method, route, status: ctx.status, seconds: milliseconds / 1000 });
      const line = describeRequest({
        requestId,
        method: ctx.method,
        route: routeOf(ctx),
        search: ctx.search,
        status: ctx.status,
        milliseconds,
        address: ctx.ip,
      });
      log.info({ ...line }, 'request');
    }
  };
}

/** Says once, where it becomes an answer, what was refused or went wrong. */
export function reportFaultsTo(log: Log, audit: Audit): FaultReporter {
  return (fault, { path, requestId }) => {
    if (fault instanceof OAuthError) {
      audit({ event: 'request.refused', reason: fault.reason, ...fault.detail, requestId });
    } else if (fault instanceof UnavailableError) {
      log.error({ err: fault, dependency: fault.dependency, requestId }, 'a dependency is unavailable');
    } else {
      log.error({ err: fault, path, requestId }, 'unexpected failure');
    }
  };
}

function routeOf(ctx: object): string | undefined {
  const route = (ctx as { _matchedRoute?: unknown })._matchedRoute;
  return typeof route === 'string' ? route : undefined;
}
