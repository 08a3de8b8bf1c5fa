import type { Context, Middleware } from 'koa';
import { type Form, type Resource, redirectDestination, refusalUrl, reject, responseUrl } from '../oauth/index.ts';
import type { Audit, Clock } from '../platform/index.ts';
import type { AuthorizationCodes, OneTimeStore } from '../tokens/index.ts';
import { readForm } from './form-body.ts';
import type { Messages } from './messages/messages.ts';
import { nextStep } from './next-step.ts';
import { formActionSource } from './page-headers.ts';
import type { StepParts } from './parts.ts';
import { describeDestination, sealedTicketOf } from './presenter.ts';
import { describeScope } from './scope-sentences.ts';
import type { Session } from './session.ts';
import type { InteractionTicket } from './ticket.ts';

/**
 * The consent page: GET shows who asks for what, POST takes `decision` = `allow` or `deny`. A request is answered once:
 * the ticket's `jti` is spent with the decision, so going back and deciding again makes no second code.
 */
export function createConsent(deps: {
  parts: StepParts;
  settings: { readonly issuer: string; readonly resources: readonly Resource[] };
  codes: AuthorizationCodes;
  oneTime: OneTimeStore;
  clock: Clock;
  audit: Audit;
}): { show: Middleware; submit: Middleware } {
  const { parts, settings, codes, oneTime, clock, audit } = deps;
  const { tickets, sessions, forms, presenter } = parts;

  /** The request and the person, where consent is what comes next; the dispatcher knows where to go otherwise. */
  async function enter(ctx: Context): Promise<{ ticket: InteractionTicket; session: Session } | undefined> {
    const ticket = await tickets.open(sealedTicketOf(ctx));
    const session = await sessions.find(ctx);
    if (session !== undefined && nextStep(ticket, session, clock()) === 'consent') return { ticket, session };
    presenter.redirect(ctx, presenter.path('continue', ticket.sealed));
    return undefined;
  }

  async function show(ctx: Context): Promise<void> {
    const entered = await enter(ctx);
    if (entered === undefined) return;
    const { ticket, session } = entered;
    const messages = presenter.messages(ctx, ticket);
    const { lead, subject, claim } = describeClient(ticket, messages);
    const view = {
      title: messages.consent.title(subject),
      action: presenter.path('consent', ticket.sealed),
      form: await forms.seal(ctx, bindingOf(ticket, session)),
      lead,
      subject,
      claim,
      username: session.user.username,
      switchAccount: presenter.path('sign-in', ticket.sealed),
      signOut: presenter.path('sign-out', ticket.sealed),
      resource: { resource: ticket.resource, name: ticket.resourceName },
      scope: describeScope(ticket, settings.resources, messages.consent),
      destination: describeDestination(ticket.redirectUri, messages),
    };
    presenter.show(ctx, 'consent', view, { messages, formTarget: formActionSource(ticket.redirectUri) });
  }

  async function submit(ctx: Context): Promise<void> {
    forms.requireSameOrigin(ctx);
    const form = await readForm(ctx);
    const entered = await enter(ctx);
    if (entered === undefined) return;
    const { ticket, session } = entered;
    await forms.requireOwn(ctx, form, bindingOf(ticket, session));
    const decision = readDecision(form);

    const spent = await oneTime.consumeOnce({
      kind: 'consent',
      id: ticket.jti,
      expiresAt: ticket.exp + PUSHED_LIFETIME,
    });
    if (spent === 'again') throw reject('interaction_spent');
    const about = { client: ticket.client, subject: session.user.subject, resource: ticket.resource };
    if (decision === 'deny') {
      audit({ event: 'consent.denied', ...about });
      return presenter.redirect(ctx, refusalUrl(ticket.target, settings.issuer, reject('access_denied')));
    }
    const { metadataHash: metadata } = ticket;
    audit({ event: 'consent.granted', ...about, scope: ticket.scope.join(' '), metadata });
    const code = await issueCode(ticket, session);
    audit({ event: 'code.issued', ...about });
    presenter.redirect(ctx, responseUrl(ticket.target, settings.issuer, { code }));
  }

  function issueCode(ticket: InteractionTicket, session: Session): Promise<string> {
    return codes.issue({
      client: ticket.client,
      clientName: ticket.clientName,
      redirectUri: ticket.redirectUri,
      redirectUriProvided: ticket.redirectUriProvided,
      challenge: ticket.challenge,
      scope: ticket.scope,
      resource: ticket.resource,
      sub: session.user.subject,
      authTime: session.authTime,
      amr: session.amr,
      ...(ticket.jkt !== undefined && { jkt: ticket.jkt }),
    });
  }

  return { show, submit };
}

// Another look at the same pushed request may have begun that much later, and ends that much later.
const PUSHED_LIFETIME = 600;

function bindingOf(ticket: InteractionTicket, session: Session) {
  return { purpose: 'consent', ticket: ticket.jti, sid: session.sid } as const;
}

function readDecision(form: Form): 'allow' | 'deny' {
  const decision = form.get('decision');
  if (decision === 'allow' || decision === 'deny') return decision;
  throw reject(decision === undefined ? 'parameter_missing' : 'parameter_malformed');
}

/**
 * Who asks: large what is known for certain, small what the client says of itself (MCP AS-35…AS-38). Certain is the name
 * the operator gave, the host a metadata document came from, or else only where the answer will go.
 */
function describeClient(ticket: InteractionTicket, { consent: say }: Messages) {
  if (ticket.origin === 'configured') return { lead: say.configured, subject: ticket.clientName, claim: undefined };
  const claim = ticket.clientName === '' ? undefined : say.claim(ticket.clientName);
  if (ticket.clientHost !== undefined) return { lead: say.document, subject: ticket.clientHost, claim };
  const { host, scheme, isLoopback } = redirectDestination(ticket.redirectUri);
  const isWeb = scheme === 'http' || scheme === 'https';
  const lead = isLoopback ? say.registeredLoopback : isWeb ? say.registeredWeb : say.registeredScheme;
  return { lead, subject: host, claim };
}
