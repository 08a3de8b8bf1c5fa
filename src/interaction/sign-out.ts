import type { Context, Middleware } from 'koa';
import { reject } from '../oauth/index.ts';
import type { Audit } from '../platform/index.ts';
import { readForm } from './form-body.ts';
import type { StepParts } from './parts.ts';
import { sealedTicketOf } from './presenter.ts';
import type { InteractionTicket } from './ticket.ts';

/** Signing out: GET asks, POST ends the session for good. With a ticket it goes on with that request afterwards. */
export function createSignOut(deps: { parts: StepParts; audit: Audit }): { show: Middleware; submit: Middleware } {
  const { parts, audit } = deps;
  const { tickets, sessions, forms, presenter } = parts;

  async function findTicket(ctx: Context): Promise<InteractionTicket | undefined> {
    // There is no sign-out on behalf of clients, so none may choose where the browser goes after it.
    if (ctx.URL.searchParams.has('post_logout_redirect_uri')) throw reject('parameter_malformed');
    const sealed = sealedTicketOf(ctx);
    return sealed === undefined ? undefined : tickets.open(sealed);
  }

  async function show(ctx: Context): Promise<void> {
    const ticket = await findTicket(ctx);
    const session = await sessions.find(ctx);
    const messages = presenter.messages(ctx, ticket);
    const binding = { purpose: 'sign_out', ticket: ticket?.jti ?? '', sid: session?.sid ?? '' } as const;
    const view = {
      title: session === undefined ? messages.signOut.doneTitle : messages.signOut.title,
      action: presenter.path('sign-out', ticket?.sealed),
      form: await forms.seal(ctx, binding),
      username: session?.user.username,
      stay: ticket && presenter.path('continue', ticket.sealed),
    };
    presenter.show(ctx, 'signOut', view, { messages });
  }

  async function submit(ctx: Context): Promise<void> {
    forms.requireSameOrigin(ctx);
    const ticket = await findTicket(ctx);
    const form = await readForm(ctx);
    const session = await sessions.find(ctx);
    if (session !== undefined) {
      await forms.requireOwn(ctx, form, { purpose: 'sign_out', ticket: ticket?.jti ?? '', sid: session.sid });
      await sessions.end(ctx, session);
      audit({ event: 'sign_out.succeeded', subject: session.user.subject });
    }
    presenter.redirect(
      ctx,
      ticket === undefined ? presenter.path('sign-out') : presenter.path('continue', ticket.sealed),
    );
  }

  return { show, submit };
}
