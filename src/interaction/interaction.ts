import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { Client } from '../clients/index.ts';
import {
  type AuthorizationRequest,
  isSameResource,
  issuerPath,
  type Resource,
  reject,
  type Seconds,
} from '../oauth/index.ts';
import type { Audit, Clock, Random } from '../platform/index.ts';
import type { AuthorizationCodes, DenylistStore, OneTimeStore, Sealer } from '../tokens/index.ts';
import { createApps, type PersonalGrants } from './apps.ts';
import { createBrowserNonce } from './browser-nonce.ts';
import { createConsent } from './consent.ts';
import { createConsentMemory } from './consent-memory.ts';
import { createDecisions } from './decisions.ts';
import { createDispatcher, type ResumeAuthorization } from './dispatch.ts';
import { createFaults } from './faults.ts';
import { createFormGuard } from './form-guard.ts';
import { createScopeLimits } from './offered-scope.ts';
import type { PageSettings } from './pages/render.ts';
import { type Asset, ICON, STYLE } from './pages/style.ts';
import type { StepParts } from './parts.ts';
import { createPeople } from './people.ts';
import { createPresenter } from './presenter.ts';
import { refuseTheRest } from './refuse-the-rest.ts';
import { createSessions, type SessionLifetimes } from './session.ts';
import { createSignIn } from './sign-in.ts';
import { createSignOut } from './sign-out.ts';
import { type CreateLimiter, createSignInThrottle, openThrottle } from './throttle.ts';
import { createInteractionTickets } from './ticket.ts';
import type { UpstreamProvider } from './upstream/upstream-provider.ts';
import { createUpstreamSignIn } from './upstream/upstream-sign-in.ts';
import { createUpstreamStates } from './upstream/upstream-state.ts';
import type { UserDirectory } from './users.ts';

/** How long the parts of an interaction last, in seconds. */
export interface InteractionLifetimes extends SessionLifetimes {
  /** From the authorization request to the decision. */
  readonly request: Seconds;
  /** How long this browser remembers a consent; 0: not at all. */
  readonly consent: Seconds;
}

/** 15 minutes to decide; a sign-in ends after an hour unused and after a day in any case; a consent lasts 30 days. */
export const DEFAULT_INTERACTION_LIFETIMES: InteractionLifetimes = {
  request: 900,
  sessionIdle: 3600,
  sessionAbsolute: 86_400,
  consent: 2_592_000,
};

/** What the operator decides about the pages. */
export interface InteractionSettings extends PageSettings {
  readonly lifetimes: InteractionLifetimes;
  /** For the sentences of their scopes. */
  readonly resources: readonly Resource[];
  /** Whether sign-in attempts are slowed down. */
  readonly rateLimits: boolean;
  /** Makes the counts of sign-in attempts that servers share; absent: each counts alone. */
  readonly createLimiter?: CreateLimiter;
}

/** Sign-in and consent: from a checked authorization request to a code or a refusal. */
export interface Interaction {
  /** URL of ours that the browser is sent to; it carries the sealed request. */
  begin(client: Client, request: AuthorizationRequest): Promise<string>;
  /** The same for a request whose client may be looked up only after sign-in; `resume` takes it up then. */
  signInBefore(clientId: string, parameters: string): Promise<string>;
  /**
   * The pages, under the issuer's path and `/interaction`. They read request bodies themselves and answer their own
   * errors; what is no refusal is also emitted as the app's `error` event. `ctx.state.requestId`, where it is a text,
   * is the request id they show.
   */
  readonly router: Router;
  /** Answers with the error page (`renderErrorPage`), for requests outside these pages. */
  showError(ctx: Context, error: unknown): void;
}

export function createInteraction(deps: {
  settings: InteractionSettings;
  tokens: { sealer: Sealer; codes: AuthorizationCodes; oneTime: OneTimeStore; denylist: DenylistStore };
  /** Absent: nobody signs in with a password. */
  users?: UserDirectory;
  /** Where people may sign in instead. Absent: nowhere. */
  upstreams?: readonly UpstreamProvider[];
  /** Absent: there is no page of the apps a person allowed. */
  grants?: PersonalGrants;
  /** Absent: no request begins by `signInBefore`. */
  resume?: ResumeAuthorization;
  platform: { clock: Clock; random: Random; audit: Audit };
}): Interaction {
  const { settings, tokens, users, upstreams = [], grants, resume = refuseToResume } = deps;
  const { clock, random, audit } = deps.platform;
  const { sealer, codes, oneTime, denylist } = tokens;
  const lifetime = settings.lifetimes.request;
  const tickets = createInteractionTickets({ sealer, clock, random, lifetime, describeResource: describer(settings) });
  const presenter = createPresenter(settings);
  const browser = createBrowserNonce({ issuer: settings.issuer, random });
  const faults = createFaults({ settings, presenter, random, audit });
  const people = createPeople({ users, providers: upstreams });
  const parts: StepParts = {
    tickets,
    sessions: createSessions({ settings, sealer, denylist, people, clock, random }),
    forms: createFormGuard({ settings, browser, sealer, random, lifetime }),
    presenter,
    limits: createScopeLimits({
      guarded: upstreams.flatMap(({ guardedScope }) => guardedScope),
      resources: settings.resources,
    }),
  };
  const throttle = settings.rateLimits ? createSignInThrottle(settings.createLimiter) : openThrottle;
  const upstream = createUpstreamSignIn({
    providers: upstreams,
    parts,
    states: createUpstreamStates({ sealer, oneTime, clock }),
    browser,
    guards: { throttle, faults },
    platform: deps.platform,
  });
  const signIn = createSignIn({ parts, users, upstream, throttle, audit });
  const hasEnded = grants && ((grantId: string) => grants.hasEnded(grantId));
  const memory = createConsentMemory({ settings, sealer, denylist, hasEnded, clock });
  const decisions = createDecisions({ settings, codes, oneTime, memory, audit });
  const consent = createConsent({ parts, settings, decisions, memory, clock });
  const signOut = createSignOut({ parts, audit });

  const router = new Router({ prefix: `${issuerPath(settings.issuer)}/interaction`, sensitive: true, strict: true });
  router.use(faults.boundary);
  router.get('/continue', createDispatcher({ parts, settings, consent: { memory, decisions }, clock, audit, resume }));
  router.get('/sign-in', signIn.show).post('/sign-in', signIn.submit);
  router.get('/upstream/:provider/callback', upstream.callback);
  router.get('/consent', consent.show).post('/consent', consent.submit);
  router.get('/sign-out', signOut.show).post('/sign-out', signOut.submit);
  if (grants !== undefined) {
    const apps = createApps({ parts, settings, grants, memory, audit });
    router.get('/apps', apps.show).post('/apps', apps.submit);
  }
  const { logo, accent } = settings.branding;
  for (const asset of [STYLE, ICON, logo, accent]) {
    if (asset !== undefined) router.get(`/${asset.name}`, serve(asset));
  }
  refuseTheRest(router);

  const origin = new URL(settings.issuer).origin;
  return {
    router,
    showError: (ctx, error) => faults.show(ctx, error),
    signInBefore: async (clientId, parameters) =>
      `${origin}${presenter.path('continue', await tickets.issueUnresolved(clientId, parameters))}`,
    begin: async (client, request) => `${origin}${presenter.path('continue', await tickets.issue(client, request))}`,
  };
}

const refuseToResume: ResumeAuthorization = () => Promise.reject(reject('interaction_expired'));

/** A resource by name where it is one of ours; text of a request that was not checked is never shown. */
function describer(settings: InteractionSettings) {
  return (requested: string | undefined) => {
    const known = settings.resources.find(
      ({ resource }) => requested !== undefined && isSameResource(resource, requested),
    );
    if (known === undefined) return { resource: settings.branding.name };
    return { resource: known.resource, ...(known.name !== undefined && { resourceName: known.name }) };
  };
}

function serve(asset: Asset): Middleware {
  return (ctx) => {
    ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
    ctx.set('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    ctx.type = asset.type;
    ctx.body = asset.body;
  };
}
