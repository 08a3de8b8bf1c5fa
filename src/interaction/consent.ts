import type { Context, Middleware } from 'koa';
import { type Form, type Resource, redirectDestination, reject, type Seconds } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';
import type { ConsentMemory } from './consent-memory.ts';
import type { Decisions } from './decisions.ts';
import { readForm } from './form-body.ts';
import type { Messages } from './messages/messages.ts';
import { nextStep } from './next-step.ts';
import { formActionSource } from './page-headers.ts';
import type { StepParts } from './parts.ts';
import { describeDestination, describeHost, sealedTicketOf } from './presenter.ts';
import { CHOICE_FIELD, fieldOfScope, optionalScope, readChosenScope } from './scope-choice.ts';
import { describeScope } from './scope-sentences.ts';
import type { Session } from './session.ts';
import type { InteractionTicket } from './ticket.ts';

interface Entered {
  readonly ticket: InteractionTicket;
  readonly session: Session;
}

/**
 * The consent page: GET shows who asks for what, POST takes `decision` = `allow` or `deny`, and the scopes that are ticked
 * where there is a choice (`readChosenScope`).
 */
export function createConsent(deps: {
  parts: StepParts;
  settings: { readonly resources: readonly Resource[] };
  decisions: Decisions;
  memory: ConsentMemory;
  clock: Clock;
}): { show: Middleware; submit: Middleware } {
  const { parts, settings, decisions, memory, clock } = deps;
  const { tickets, sessions, forms, presenter, limits } = parts;

  /** The request and the person, where consent is what comes next; the dispatcher knows where to go otherwise. */
  async function enter(ctx: Context): Promise<Entered | undefined> {
    const ticket = await tickets.open(sealedTicketOf(ctx));
    const session = await sessions.find(ctx);
    if (session !== undefined && nextStep(ticket, session, clock()) === 'consent') {
      const offered = limits.narrow(ticket, session);
      if (offered !== undefined) return { ticket: offered, session };
    }
    presenter.redirect(ctx, presenter.path('continue', ticket.sealed));
    return undefined;
  }

  async function show(ctx: Context): Promise<void> {
    const entered = await enter(ctx);
    if (entered !== undefined) await showForm(ctx, entered);
  }

  async function showForm(ctx: Context, { ticket, session }: Entered, isNothingChosen = false): Promise<void> {
    const messages = presenter.messages(ctx, ticket);
    const { lead, subject, claim } = describeClient(ticket, messages);
    const optional = optionalScope(ticket, settings.resources);
    const view = {
      title: messages.consent.title(subject),
      action: presenter.path('consent', ticket.sealed),
      form: await forms.seal(ctx, bindingOf(ticket, session)),
      lead,
      subject,
      subjectNote: ticket.origin === 'configured' ? undefined : describeHost(subject, messages),
      claim,
      username: session.user.username,
      switchAccount: presenter.path('sign-in', ticket.sealed),
      signOut: presenter.path('sign-out', ticket.sealed),
      resource: { resource: ticket.resource, name: ticket.resourceName },
      scope: describeScope(ticket, settings.resources, messages.consent).map((one) => ({
        ...one,
        field: optional.includes(one.name) ? fieldOfScope(one.name) : undefined,
      })),
      choiceField: optional.length > 0 ? CHOICE_FIELD : undefined,
      alert: isNothingChosen ? messages.consent.nothingChosen : undefined,
      destination: describeDestination(ticket.redirectUri, messages),
      memory: describeMemory(memory.lifetimeOf(ticket), messages),
    };
    const formTarget = formActionSource(ticket.redirectUri);
    presenter.show(ctx, 'consent', view, { messages, formTarget, status: isNothingChosen ? 400 : 200 });
  }

  async function submit(ctx: Context): Promise<void> {
    forms.requireSameOrigin(ctx);
    const form = await readForm(ctx);
    const entered = await enter(ctx);
    if (entered === undefined) return;
    const { ticket, session } = entered;
    await forms.requireOwn(ctx, form, bindingOf(ticket, session));
    const decision = readDecision(form);
    if (decision === 'deny') return presenter.redirect(ctx, await decisions.deny(ctx, ticket, session));
    const scope = readChosenScope(form, ticket, settings.resources);
    if (scope === undefined) return showForm(ctx, entered, true);
    presenter.redirect(ctx, await decisions.allow(ctx, ticket, session, scope));
  }

  return { show, submit };
}

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

/** What is said of remembering, where the consent would be remembered. */
function describeMemory(lifetime: Seconds | undefined, { consent: say }: Messages): string | undefined {
  if (lifetime === undefined) return undefined;
  return say.memory(lifetime < 2 * DAY ? { hours: Math.ceil(lifetime / 3600) } : { days: Math.floor(lifetime / DAY) });
}

const DAY = 86_400;
