import { OAuthError, REJECTIONS, UnavailableError } from '../oauth/index.ts';
import type { Messages, Notice } from './messages/messages.ts';
import { chooseMessages } from './messages/messages.ts';
import { pageHeaders } from './page-headers.ts';
import { type PageSettings, renderPage } from './pages/render.ts';

/** What an error page is made of. */
export interface FaultPageRequest {
  /** What went wrong: a refusal, a dependency that is down, or anything else (then a fault of ours). */
  readonly error: unknown;
  readonly requestId: string;
  /** BCP 47 tags the person prefers, best first. */
  readonly languages?: readonly string[];
  /** Path on this server from which the person can go on, and what is there. */
  readonly again?: { readonly path: string; readonly leadsTo: 'request' | 'sign-in' };
}

/** An HTTP answer that is a page. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * A fault as a page for people: what happened, what to do, the request id. For what must not be redirected
 * (RFC 6749 §4.1.2.1). It repeats nothing of the request.
 */
export function renderErrorPage(settings: PageSettings, request: FaultPageRequest): PageAnswer {
  const messages = chooseMessages(request.languages ?? []);
  const { reason, status, retryAfter } = classifyFault(request.error);
  const rejection = REJECTIONS[reason];
  const notice = findNotice(messages, reason);
  const view = {
    title: notice.title,
    notice,
    code: rejection.error,
    description: rejection.description,
    requestId: request.requestId,
    again: request.again && {
      path: request.again.path,
      label: request.again.leadsTo === 'request' ? messages.fault.again : messages.fault.signInAgain,
    },
  };
  return {
    status,
    headers: {
      ...pageHeaders(),
      'Content-Type': 'text/html; charset=utf-8',
      ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }),
    },
    body: renderPage('fault', view, { settings, messages }),
  };
}

/** Which row of the table of refusals a fault is; `retryAfter` in seconds. */
export function classifyFault(error: unknown): {
  reason: keyof typeof REJECTIONS;
  status: number;
  retryAfter?: number;
} {
  if (error instanceof OAuthError) return { reason: error.reason, status: error.status };
  if (error instanceof UnavailableError) return { reason: 'unavailable', status: 503, retryAfter: error.retryAfter };
  return { reason: 'internal', status: 500 };
}

function findNotice(messages: Messages, reason: keyof typeof REJECTIONS): Notice {
  const { byReason, refused, internal } = messages.fault;
  return byReason[reason] ?? (REJECTIONS[reason].status >= 500 ? internal : refused);
}
