import type { Context, Middleware } from 'koa';
import { OAuthError, REJECTIONS, type RejectionReason, reject, UnavailableError } from '../oauth/index.ts';

/** The request in which a fault happened. */
export interface FaultContext {
  readonly path: string;
  /** `ctx.state.requestId`, where the app gives its requests one. */
  readonly requestId?: string;
}

/** Told of everything that was refused or went wrong, once, where it becomes an answer. */
export type FaultReporter = (fault: OAuthError | UnavailableError | Error, context: FaultContext) => void;

/** What is told of the request of a fault. */
export function faultContext(ctx: Context): FaultContext {
  const requestId: unknown = ctx.state['requestId'];
  return { path: ctx.path, ...(typeof requestId === 'string' && { requestId }) };
}

/** Answers a fault with a page, where a person sees it. */
export type RefusalPage = (ctx: Context, fault: Error) => void;

/** Who is answered with pages: at an address for people everybody who prefers HTML, elsewhere only who looks at it. */
type Audience = 'people' | 'programs';

/**
 * Turns what was thrown below into the answer of the table of refusals: an OAuth error in JSON (RFC 6749 §5.2) or a page.
 * Faults of a dependency are 503 with `Retry-After`, bugs 500; neither tells why.
 */
export function errorBoundary(deps: {
  reportFault: FaultReporter;
  refusalPage?: RefusalPage | undefined;
  audience: Audience;
}): Middleware {
  const { reportFault, refusalPage, audience } = deps;
  return async function boundary(ctx, next) {
    try {
      await next();
    } catch (thrown) {
      const fault =
        thrown instanceof OAuthError || thrown instanceof UnavailableError ? thrown : transportRefusal(thrown);
      reportFault(fault, faultContext(ctx));
      if (fault instanceof UnavailableError) ctx.set('Retry-After', String(fault.retryAfter));
      const reason = reasonOf(fault);
      ctx.set('Cache-Control', 'no-store');
      if (refusalPage !== undefined && prefersPage(ctx, audience)) {
        // No script of another origin reads a page.
        ctx.remove('Access-Control-Allow-Origin');
        ctx.remove('Access-Control-Expose-Headers');
        refusalPage(ctx, fault);
        return;
      }
      writeRefusal(ctx, reason);
    }
  };
}

/**
 * Programs get JSON (RFC 6749 §5.2) whatever their HTTP library says it accepts by itself, which may be HTML first; so an
 * endpoint for programs has pages only for a look at it.
 */
function prefersPage(ctx: Context, audience: Audience): boolean {
  const isLook = ctx.method === 'GET' || ctx.method === 'HEAD';
  return (isLook || audience === 'people') && ctx.accepts('json', 'html') === 'html';
}

/** The answer of one row of the table, as JSON. */
function writeRefusal(ctx: Context, reason: RejectionReason): void {
  const { status, error, description } = REJECTIONS[reason];
  ctx.set('Cache-Control', 'no-store');
  const challenge = status === 401 ? challengeOf(error, ctx.req.headers.authorization !== undefined) : undefined;
  if (challenge !== undefined) ctx.set('WWW-Authenticate', challenge);
  ctx.status = status;
  ctx.body = { error, error_description: description };
}

/**
 * A client that tried the `Authorization` header is told which scheme is right (RFC 6749 §5.2); who brings no token where
 * one is needed is told so, and of no error (RFC 6750 §3.1).
 */
function challengeOf(error: string, hasCredentials: boolean): string | undefined {
  if (error === 'invalid_token') return `Bearer realm="guardmint"${hasCredentials ? ', error="invalid_token"' : ''}`;
  return hasCredentials ? 'Basic realm="guardmint", charset="UTF-8"' : undefined;
}

function reasonOf(fault: Error): RejectionReason {
  if (fault instanceof OAuthError) return fault.reason;
  return fault instanceof UnavailableError ? 'unavailable' : 'internal';
}

/** What koa-body and Koa throw for a body or a URL they cannot read, as rows of the table. */
function transportRefusal(thrown: unknown): Error {
  const status = thrown instanceof Error && 'status' in thrown ? thrown.status : undefined;
  if (status === 413) return reject('body_too_large');
  if (status === 415) return reject('content_type_unsupported');
  if (typeof status === 'number' && status >= 400 && status < 500) return reject('body_malformed');
  return thrown instanceof Error ? thrown : new Error('a value was thrown that is no error');
}
