import type { Context, Middleware } from 'koa';
import { OAuthError, reject, type Seconds } from '../oauth/index.ts';
import { type Audit, sha256 } from '../platform/index.ts';
import { describeAsker } from './asker.ts';
import { normaliseUsername } from './credentials.ts';
import { readForm } from './form-body.ts';
import { formActionSource } from './page-headers.ts';
import type { StepParts } from './parts.ts';
import { sealedTicketOf } from './presenter.ts';
import type { SignInThrottle } from './throttle.ts';
import { isOwnPage, type PendingTicket } from './ticket.ts';
import type { UpstreamSignIn } from './upstream/upstream-sign-in.ts';
import type { UserDirectory } from './users.ts';

type Trouble = { readonly kind: 'wrong' | 'stale' } | { readonly kind: 'throttled'; readonly wait: Seconds };

/**
 * The sign-in page: GET shows the form, POST takes `username` and `password`, or the id of a provider as `provider`. Where
 * one provider is the only way, the browser is sent there at once, except for an app that nobody vouches for: then the
 * person sees who asks and presses the button, whatever they are signed in at over there (MCP AS-39).
 */
export function createSignIn(deps: {
  parts: StepParts;
  /** Absent: nobody signs in with a password. */
  users: UserDirectory | undefined;
  upstream: UpstreamSignIn;
  throttle: SignInThrottle;
  audit: Audit;
}): { show: Middleware; submit: Middleware } {
  const { parts, users, upstream, throttle, audit } = deps;
  const { tickets, sessions, forms, presenter } = parts;
  const providers = upstream.providers.map(({ id, label }) => ({ id, label }));
  // Chromium holds `form-action` against every redirect that answers a form (decision 0005).
  const formTarget = [
    ...new Set(upstream.providers.flatMap(({ address }) => formActionSource(address).split(' '))),
  ].join(' ');

  async function show(ctx: Context): Promise<void> {
    const ticket = await tickets.openPending(sealedTicketOf(ctx));
    const only = await findOnlyWay(ctx, ticket);
    if (only === undefined) await showForm(ctx, ticket, ticket.loginHint ?? '');
    else await upstream.begin(ctx, ticket, only, undefined);
  }

  /** The provider the browser is sent to without a question. */
  async function findOnlyWay(ctx: Context, ticket: PendingTicket): Promise<string | undefined> {
    const [first, second] = providers;
    if (users !== undefined || second !== undefined || ctx.method !== 'GET' || describeAsker(ticket) !== undefined)
      return undefined;
    const mustAsk =
      ticket.prompt.includes('login') || ticket.prompt.includes('select_account') || sessions.hasLeft(ctx);
    // Who is signed in and comes here wants to be somebody else.
    return mustAsk || (await sessions.find(ctx)) !== undefined ? undefined : first?.id;
  }

  async function showForm(ctx: Context, ticket: PendingTicket, username: string, trouble?: Trouble): Promise<void> {
    const messages = presenter.messages(ctx, ticket);
    const view = {
      title: messages.signIn.title,
      action: presenter.path('sign-in', ticket.sealed),
      form: await forms.seal(ctx, bindingOf(ticket)),
      intro: isOwnPage(ticket)
        ? messages.signIn.introOwnPage
        : messages.signIn.intro(ticket.resourceName ?? ticket.resource),
      username,
      alert: trouble && describe(trouble, messages.signIn),
      local: users !== undefined,
      providers,
      asker: providers.length > 0 ? describeAsker(ticket) : undefined,
    };
    if (trouble?.kind === 'throttled') ctx.set('Retry-After', String(trouble.wait));
    const status = trouble === undefined ? 200 : trouble.kind === 'throttled' ? 429 : 403;
    presenter.show(ctx, 'signIn', view, { messages, status, ...(formTarget !== '' && { formTarget }) });
  }

  async function submit(ctx: Context): Promise<void> {
    forms.requireSameOrigin(ctx);
    const ticket = await tickets.openPending(sealedTicketOf(ctx));
    const form = await readForm(ctx);
    const username = form.get('username') ?? '';
    try {
      await forms.requireOwn(ctx, form, bindingOf(ticket));
    } catch (error) {
      // Two tabs opened at once race for the browser's nonce: the form is shown again, and nothing was tried.
      if (error instanceof OAuthError) return showForm(ctx, ticket, username, { kind: 'stale' });
      throw error;
    }

    const provider = form.get('provider');
    if (provider !== undefined) return upstream.begin(ctx, ticket, provider, await sessions.find(ctx));
    if (users === undefined) throw reject('parameter_missing', { parameter: 'provider' });

    const attempt = { account: normaliseUsername(username) ?? username, address: ctx.ip };
    const about = {
      account: sha256(attempt.account),
      address: ctx.ip,
      client: isOwnPage(ticket) ? undefined : ticket.client,
    };
    const wait = await throttle.admit(attempt);
    if (wait !== undefined) {
      audit({ event: 'sign_in.throttled', ...about });
      return showForm(ctx, ticket, username, { kind: 'throttled', wait });
    }
    const user = await users.authenticate(username, form.get('password') ?? '');
    if (user === undefined) {
      audit({ event: 'sign_in.failed', ...about });
      return showForm(ctx, ticket, username, { kind: 'wrong' });
    }
    await throttle.forgive(attempt);
    const session = await sessions.begin(ctx, { user, amr: ['pwd'] });
    audit({ event: 'sign_in.succeeded', subject: user.subject, ...about });
    presenter.redirect(ctx, presenter.path('continue', await tickets.markSignedIn(ticket, session.sid)));
  }

  return { show, submit };
}

function bindingOf(ticket: PendingTicket) {
  return { purpose: 'sign_in', ticket: ticket.jti, sid: '' } as const;
}

function describe(
  trouble: Trouble,
  say: { wrong: string; stale: string; throttled: (seconds: number) => string },
): string {
  return trouble.kind === 'throttled' ? say.throttled(trouble.wait) : say[trouble.kind];
}
