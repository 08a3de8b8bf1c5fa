import type { Context, Middleware } from 'koa';
import { refusalUrl, reject } from '../oauth/index.ts';
import type { Audit, Clock } from '../platform/index.ts';
import type { ConsentMemory } from './consent-memory.ts';
import type { Decisions } from './decisions.ts';
import { nextStep } from './next-step.ts';
import type { StepParts } from './parts.ts';
import { describeDestination, requestIdOf, sealedTicketOf } from './presenter.ts';
import type { Session } from './session.ts';
import { type InteractionTicket, isOwnPage, isUnresolved, resumedParameters, type UnresolvedTicket } from './ticket.ts';

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
  consent: { readonly memory: ConsentMemory; readonly decisions: Decisions };
  clock: Clock;
  audit: Audit;
  resume: ResumeAuthorization;
}): Middleware {
  const { parts, settings, clock, audit, resume } = deps;
  const { memory, decisions } = deps.consent;
  const { tickets, sessions, presenter, limits } = parts;

  /** The request whose client could not be looked up before. It keeps the sign-in that was made for it. */
  async function goOnSignedIn(ctx: Context, ticket: UnresolvedTicket, session: Session): Promise<void> {
    const url = await resume(resumedParameters(ticket, session.sid), requestIdOf(ctx));
    const begun = `${new URL(settings.issuer).origin}${presenter.path('continue', '')}`;
    if (ticket.signedIn !== session.sid) return presenter.redirect(ctx, url);
    if (!url.startsWith(begun)) return leave(ctx, ticket, session, url);
    const resumed = await tickets.open(url.slice(begun.length));
    presenter.redirect(ctx, presenter.path('continue', await tickets.markSignedIn(resumed, session.sid)));
  }

  /**
   * Leaves for the client. After a sign-in by a page instead of a redirect: Chromium holds the `form-action` of the sign-in
   * page, which names nobody but us, against every redirect that follows its form.
   */
  function leave(ctx: Context, ticket: InteractionTicket | UnresolvedTicket, session: Session, url: string): void {
    if (ticket.signedIn !== session.sid) {
      presenter.redirect(ctx, url);
      return;
    }
    const messages = presenter.messages(ctx, ticket);
    ctx.set('Refresh', `0;url=${url}`);
    const destination = describeDestination(url, messages);
    presenter.show(ctx, 'onward', { title: messages.onward.title, url, destination }, { messages });
  }

  function refuse(
    ctx: Context,
    ticket: InteractionTicket,
    reason: 'sign_in_required' | 'consent_required' | 'scope_not_grantable',
    subject?: string,
  ): string {
    audit({ event: 'request.refused', reason, client: ticket.client, subject, requestId: requestIdOf(ctx) });
    return refusalUrl(ticket.target, settings.issuer, reject(reason));
  }

  return async function dispatch(ctx) {
    const ticket = await tickets.openPending(sealedTicketOf(ctx));
    const session = await sessions.find(ctx);
    if (isOwnPage(ticket)) {
      return presenter.redirect(
        ctx,
        session === undefined ? presenter.path('sign-in', ticket.sealed) : presenter.path(ticket.page),
      );
    }
    if (isUnresolved(ticket)) {
      const step = nextStep(ticket, session, clock());
      // Nothing is known of the client yet, so there is nowhere to send `login_required` but to the person.
      if (step === 'sign_in_required') throw reject(step);
      if (step === 'sign_in' || session === undefined) {
        return presenter.redirect(ctx, presenter.path('sign-in', ticket.sealed));
      }
      return goOnSignedIn(ctx, ticket, session);
    }
    const offered = session && limits.narrow(ticket, session);
    // Who only asks for the headers of a page decides nothing.
    const isRemembered =
      session !== undefined &&
      offered !== undefined &&
      ctx.method === 'GET' &&
      (await memory.covers(ctx, offered, session));
    const step = nextStep(ticket, session, clock(), isRemembered);
    if (step === 'sign_in') return presenter.redirect(ctx, presenter.path('sign-in', ticket.sealed));
    if (step === 'consent' && offered !== undefined) {
      return presenter.redirect(ctx, presenter.path('consent', ticket.sealed));
    }
    if (session !== undefined) {
      const url =
        step === 'code' && offered !== undefined
          ? await decisions.allowAgain(ctx, offered, session)
          : refuse(
              ctx,
              ticket,
              step === 'consent' || step === 'code' ? 'scope_not_grantable' : step,
              session.user.subject,
            );
      return leave(ctx, ticket, session, url);
    }
    const url = refuse(ctx, ticket, 'sign_in_required');
    if (ticket.origin === 'configured') return presenter.redirect(ctx, url);
    const messages = presenter.messages(ctx, ticket);
    const destination = describeDestination(ticket.redirectUri, messages);
    presenter.show(ctx, 'leave', { title: messages.leave.title, url, destination }, { messages });
  };
}
