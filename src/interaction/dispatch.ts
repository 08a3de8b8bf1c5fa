import type { Middleware } from 'koa';
import { refusalUrl, reject } from '../oauth/index.ts';
import type { Audit, Clock } from '../platform/index.ts';
import { nextStep } from './next-step.ts';
import type { StepParts } from './parts.ts';
import { describeDestination, requestIdOf, sealedTicketOf } from './presenter.ts';
import { isOwnPage, isUnresolved, resumedParameters } from './ticket.ts';

/** Takes an authorization request up again, the person being signed in now: the URL to go on to. */
export type ResumeAuthorization = (parameters: string, requestId: string | undefined) => Promise<string>;

/**
 * The dispatcher: every step ends by coming back here with its ticket, and only here is it decided what comes next.
 *
 * A refusal that was decided without the person (`prompt=none`) is redirected at once only for clients the operator
 * configured, or to a person who is signed in. Anybody can register a client, and a link that leaves without a question would make
 * this server an open redirector (OAuth 2.1 §7.12.2).
 */
export function createDispatcher(deps: {
  parts: StepParts;
  settings: { readonly issuer: string };
  clock: Clock;
  audit: Audit;
  resume: ResumeAuthorization;
}): Middleware {
  const { parts, settings, clock, audit, resume } = deps;
  const { tickets, sessions, presenter } = parts;

  return async function dispatch(ctx) {
    const ticket = await tickets.openPending(sealedTicketOf(ctx));
    const session = await sessions.find(ctx);
    const step = nextStep(ticket, session, clock());
    if (isOwnPage(ticket)) {
      return presenter.redirect(
        ctx,
        session === undefined ? presenter.path('sign-in', ticket.sealed) : presenter.path(ticket.page),
      );
    }
    if (isUnresolved(ticket)) {
      // Nothing is known of the client yet, so there is nowhere to send `login_required` but to the person.
      if (step === 'sign_in_required') throw reject(step);
      if (step === 'sign_in' || session === undefined) {
        return presenter.redirect(ctx, presenter.path('sign-in', ticket.sealed));
      }
      return presenter.redirect(ctx, await resume(resumedParameters(ticket, session.sid), requestIdOf(ctx)));
    }
    if (step === 'sign_in') return presenter.redirect(ctx, presenter.path('sign-in', ticket.sealed));
    if (step === 'consent') return presenter.redirect(ctx, presenter.path('consent', ticket.sealed));

    const refusal = reject(step);
    audit({
      event: 'request.refused',
      reason: refusal.reason,
      client: ticket.client,
      subject: session?.user.subject,
      requestId: requestIdOf(ctx),
    });
    const url = refusalUrl(ticket.target, settings.issuer, refusal);
    if (session !== undefined || ticket.origin === 'configured') return presenter.redirect(ctx, url);
    const messages = presenter.messages(ctx, ticket);
    const destination = describeDestination(ticket.redirectUri, messages);
    presenter.show(ctx, 'leave', { title: messages.leave.title, url, destination }, { messages });
  };
}
