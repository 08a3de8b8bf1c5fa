import type { Context } from 'koa';
import { refusalUrl, reject, responseUrl, type Scope } from '../oauth/index.ts';
import type { Audit } from '../platform/index.ts';
import type { AuthorizationCodes, OneTimeStore } from '../tokens/index.ts';
import type { ConsentMemory } from './consent-memory.ts';
import type { Session } from './session.ts';
import type { InteractionTicket } from './ticket.ts';

/**
 * How a request ends: with a code or without. A request is answered once: the ticket's `jti` is spent with the decision, so
 * going back and deciding again makes no second code.
 */
export interface Decisions {
  /** The person allowed `scope`: the URL that carries the code. @throws OAuthError `interaction_spent`, UnavailableError */
  allow(ctx: Context, ticket: InteractionTicket, session: Session, scope: Scope): Promise<string>;
  /** The person allowed it before: the same, without a question. @throws OAuthError `interaction_spent`, UnavailableError */
  allowAgain(ctx: Context, ticket: InteractionTicket, session: Session): Promise<string>;
  /** The person refused: the URL that carries `access_denied`. @throws OAuthError `interaction_spent`, UnavailableError */
  deny(ctx: Context, ticket: InteractionTicket, session: Session): Promise<string>;
}

// Another look at the same pushed request may have begun that much later, and ends that much later.
const PUSHED_LIFETIME = 600;

export function createDecisions(deps: {
  settings: { readonly issuer: string };
  codes: AuthorizationCodes;
  oneTime: OneTimeStore;
  memory: ConsentMemory;
  audit: Audit;
}): Decisions {
  const { settings, codes, oneTime, memory, audit } = deps;

  async function spend(ticket: InteractionTicket): Promise<void> {
    const expiresAt = ticket.exp + PUSHED_LIFETIME;
    if ((await oneTime.consumeOnce({ kind: 'consent', id: ticket.jti, expiresAt })) === 'again') {
      throw reject('interaction_spent');
    }
  }

  async function issueCode(
    ticket: InteractionTicket,
    session: Session,
    scope: Scope,
  ): Promise<{ url: string; grantId: string }> {
    const { code, grantId } = await codes.issue({
      client: ticket.client,
      clientName: ticket.clientName,
      redirectUri: ticket.redirectUri,
      redirectUriProvided: ticket.redirectUriProvided,
      challenge: ticket.challenge,
      scope,
      resource: ticket.resource,
      sub: session.user.subject,
      authTime: session.authTime,
      amr: session.amr,
      ...(ticket.jkt !== undefined && { jkt: ticket.jkt }),
    });
    audit({ event: 'code.issued', ...partiesOf(ticket, session) });
    return { url: responseUrl(ticket.target, settings.issuer, { code }), grantId };
  }

  return {
    async allow(ctx, ticket, session, scope) {
      await spend(ticket);
      audit({
        event: 'consent.granted',
        ...partiesOf(ticket, session),
        scope: scope.join(' '),
        metadata: ticket.metadataHash,
      });
      const { url, grantId } = await issueCode(ticket, session, scope);
      await memory.keep(ctx, ticket, session, { scope, grantId });
      return url;
    },

    async allowAgain(ctx, ticket, session) {
      await spend(ticket);
      audit({ event: 'consent.remembered', ...partiesOf(ticket, session), scope: ticket.scope.join(' ') });
      const { url, grantId } = await issueCode(ticket, session, ticket.scope);
      await memory.noteGrant(ctx, ticket, session, grantId);
      return url;
    },

    async deny(ctx, ticket, session) {
      await spend(ticket);
      audit({ event: 'consent.denied', ...partiesOf(ticket, session) });
      await memory.forget(ctx, partiesOf(ticket, session));
      return refusalUrl(ticket.target, settings.issuer, reject('access_denied'));
    },
  };
}

function partiesOf(ticket: InteractionTicket, session: Session) {
  return { client: ticket.client, subject: session.user.subject, resource: ticket.resource };
}
