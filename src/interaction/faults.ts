import type { Context, Middleware, Next } from 'koa';
import { OAuthError, REJECTIONS } from '../oauth/index.ts';
import type { Audit, AuditEventName, Random } from '../platform/index.ts';
import { classifyFault, type FaultPageRequest, renderErrorPage } from './fault-page.ts';
import type { PageSettings } from './pages/render.ts';
import { acceptedLanguages, type Presenter, requestIdOf, sealedTicketOf } from './presenter.ts';

/** What a step knows of a fault beyond the error. */
export interface FaultContext {
  readonly again?: FaultPageRequest['again'];
  /** For the audit, in place of `request.refused` and with more than the reason. */
  readonly event?: AuditEventName;
  readonly about?: Readonly<Record<string, string | undefined>>;
}

/** Answers with the error page or, for who prefers that, JSON. */
export interface Faults {
  /** The page alone. */
  show(ctx: Context, error: unknown, again?: FaultPageRequest['again']): void;
  /** The answer, and the fault said once: a refusal to the audit, anything else as the app's `error` event. */
  answer(ctx: Context, error: unknown, context?: FaultContext): void;
  /** Answers what the pages below throw. */
  readonly boundary: Middleware;
}

export function createFaults(deps: {
  settings: PageSettings;
  presenter: Presenter;
  random: Random;
  audit: Audit;
}): Faults {
  const { settings, presenter, random, audit } = deps;

  function show(ctx: Context, error: unknown, again = placeToLookAgain(ctx, error)): void {
    const page = renderErrorPage(settings, {
      error,
      requestId: requestIdOf(ctx) ?? random(9),
      languages: acceptedLanguages(ctx),
      ...(again !== undefined && { again }),
    });
    ctx.status = page.status;
    ctx.set(page.headers);
    ctx.body = page.body;
  }

  function placeToLookAgain(ctx: Context, error: unknown): FaultPageRequest['again'] {
    const sealed = sealedTicketOf(ctx);
    const canLookAgain = error instanceof OAuthError && LOOK_AGAIN.has(error.reason) && sealed !== undefined;
    return canLookAgain ? { path: presenter.path('continue', sealed), leadsTo: 'request' } : undefined;
  }

  function answer(ctx: Context, error: unknown, { again, event = 'request.refused', about = {} }: FaultContext = {}) {
    if (ctx.accepts('html', 'json') === 'json') writeJson(ctx, error);
    else show(ctx, error, again);
    if (error instanceof OAuthError) audit({ event, reason: error.reason, requestId: requestIdOf(ctx), ...about });
    else ctx.app.emit('error', error, ctx);
  }

  async function boundary(ctx: Context, next: Next): Promise<void> {
    try {
      await next();
    } catch (error) {
      answer(ctx, error);
    }
  }

  return { show, answer, boundary };
}

function writeJson(ctx: Context, fault: unknown): void {
  const { reason, retryAfter } = classifyFault(fault);
  const { status, error, description } = REJECTIONS[reason];
  ctx.set('Cache-Control', 'no-store');
  if (retryAfter !== undefined) ctx.set('Retry-After', String(retryAfter));
  ctx.status = status;
  ctx.body = { error, error_description: description };
}

const LOOK_AGAIN: ReadonlySet<string> = new Set(['interaction_of_other_browser', 'interaction_of_other_person']);
