import type { Context, Middleware } from 'koa';
import { OAuthError, parseForm, reject, UnavailableError } from '../../oauth/index.ts';
import type { Audit, Clock, Random } from '../../platform/index.ts';
import type { BrowserNonce } from '../browser-nonce.ts';
import type { Faults } from '../faults.ts';
import { nextStep } from '../next-step.ts';
import type { StepParts } from '../parts.ts';
import type { Session } from '../session.ts';
import type { SignInThrottle } from '../throttle.ts';
import { isOwnPage, type PendingTicket } from '../ticket.ts';
import type { UpstreamAttempt, UpstreamProvider } from './upstream-provider.ts';
import type { OpenedUpstreamState, UpstreamStates } from './upstream-state.ts';

/** Signing in at another provider. */
export interface UpstreamSignIn {
  readonly providers: readonly UpstreamProvider[];
  /** Sends the browser to a provider; answers the request. `session` is who is signed in here meanwhile. */
  begin(ctx: Context, ticket: PendingTicket, id: string, session: Session | undefined): Promise<void>;
  /** Takes the browser back: the route has the id of the provider in `provider`. */
  readonly callback: Middleware;
}

export function createUpstreamSignIn(deps: {
  providers: readonly UpstreamProvider[];
  parts: StepParts;
  states: UpstreamStates;
  browser: BrowserNonce;
  guards: { readonly throttle: SignInThrottle; readonly faults: Faults };
  platform: { readonly clock: Clock; readonly random: Random; readonly audit: Audit };
}): UpstreamSignIn {
  const { providers, parts, states, browser } = deps;
  const { tickets, sessions, presenter } = parts;
  const { throttle, faults } = deps.guards;
  const { clock, random, audit } = deps.platform;

  async function begin(ctx: Context, ticket: PendingTicket, id: string, session: Session | undefined): Promise<void> {
    const provider = providers.find((one) => one.id === id);
    if (provider === undefined) throw reject('upstream_unknown');
    const { prompt, maxAge, loginHint, languages } = ticket;
    const wantsLogin = prompt.includes('login');
    // Whoever left, or wants to be somebody else, is not sent back in by a session that lives on over there.
    const isSwitching = session !== undefined && nextStep(ticket, session, clock()) !== 'sign_in';
    const wantsChoice = prompt.includes('select_account') || isSwitching || sessions.hasLeft(ctx);
    const attempt = {
      nonce: random(32),
      verifier: random(32),
      startedAt: clock(),
      ...(wantsLogin ? { prompt: 'login' as const } : wantsChoice ? { prompt: 'select_account' as const } : {}),
      ...(maxAge !== undefined && { maxAge }),
    };
    const state = await states.seal({
      ...attempt,
      jti: random(16),
      provider: provider.key,
      browser: browser.ensure(ctx),
      ticket: ticket.sealed,
    });
    try {
      const url = await provider.begin(
        { ...attempt, state },
        { languages, ...(loginHint !== undefined && { loginHint }) },
      );
      presenter.redirect(ctx, url);
    } catch (error) {
      fail(ctx, error, { provider: id, ticket });
    }
  }

  async function callback(ctx: Context): Promise<void> {
    // Who asks for the headers alone must not spend the answer.
    if (ctx.method !== 'GET') throw reject('method_not_allowed');
    const id = String((ctx['params'] as Readonly<Record<string, unknown>>)['provider']);
    const provider = providers.find((one) => one.id === id);
    if (provider === undefined) throw reject('upstream_unknown');
    const query = parseForm(ctx.querystring);
    const state = await openOwn(ctx, provider, query.repeated.length > 0 ? undefined : query.get('state'));
    const ticket = await tickets.openPending(state.ticket);
    try {
      await finish(ctx, { provider, state, ticket });
    } catch (error) {
      fail(ctx, error, { provider: id, ticket });
    }
  }

  /** The attempt that the answer belongs to: made for this provider, in this browser. Nothing is asked of anybody before. */
  async function openOwn(
    ctx: Context,
    provider: UpstreamProvider,
    text: string | undefined,
  ): Promise<OpenedUpstreamState> {
    const state = await states.open(text);
    if (state.provider !== provider.key) throw reject('upstream_of_other_provider');
    if (!browser.matches(ctx, state.browser)) throw reject('interaction_of_other_browser');
    return state;
  }

  async function finish(
    ctx: Context,
    { provider, state, ticket }: { provider: UpstreamProvider; state: OpenedUpstreamState; ticket: PendingTicket },
  ): Promise<void> {
    const attempt = { account: `upstream ${state.jti}`, address: ctx.ip };
    const wait = await throttle.admit(attempt);
    if (wait !== undefined) {
      ctx.set('Retry-After', String(wait));
      throw reject('rate_limited');
    }
    await states.spend(state);
    const answer = new URLSearchParams(ctx.querystring);
    const { subject, username, amr, authTime, scope } = await provider.finish(answer, attemptOf(state, answer));
    await throttle.forgive(attempt);
    const session = await sessions.begin(ctx, {
      user: { subject, username },
      amr,
      ...(authTime !== undefined && { authTime }),
      upstream: { provider: provider.key, scope },
    });
    audit({ event: 'sign_in.succeeded', subject, provider: provider.id, ...aboutOf(ctx, ticket) });
    presenter.redirect(ctx, presenter.path('continue', await tickets.markSignedIn(ticket, session.sid)));
  }

  /** The error page, from which the person can try again with another account. */
  function fail(ctx: Context, error: unknown, { provider, ticket }: { provider: string; ticket: PendingTicket }): void {
    // Who comes back twice may be signed in already; everybody else chooses anew, and perhaps another account.
    const isSpent = error instanceof OAuthError && error.reason === 'upstream_spent';
    const again = isSpent
      ? ({ path: presenter.path('continue', ticket.sealed), leadsTo: 'request' } as const)
      : ({ path: presenter.path('sign-in', ticket.sealed), leadsTo: 'sign-in' } as const);
    if (error instanceof OAuthError && !isSpent) sessions.markLeft(ctx);
    const fault = error instanceof OAuthError ? error.detail['fault'] : undefined;
    const about = { provider, ...(typeof fault === 'string' && { fault }), ...aboutOf(ctx, ticket) };
    faults.answer(ctx, error, { again, event: 'sign_in.failed', about });
    if (error instanceof UnavailableError) audit({ event: 'sign_in.failed', reason: 'unavailable', ...about });
  }

  return { providers, begin, callback };
}

function attemptOf(
  { nonce, verifier, startedAt, prompt, maxAge }: OpenedUpstreamState,
  answer: URLSearchParams,
): UpstreamAttempt {
  return {
    state: answer.get('state') ?? '',
    nonce,
    verifier,
    startedAt,
    ...(prompt !== undefined && { prompt }),
    ...(maxAge !== undefined && { maxAge }),
  };
}

function aboutOf(ctx: Context, ticket: PendingTicket) {
  return { address: ctx.ip, ...(isOwnPage(ticket) ? {} : { client: ticket.client }) };
}
