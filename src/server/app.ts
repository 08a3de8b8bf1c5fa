import Koa from 'koa';
import type { ClientAssertions } from '../clients/index.ts';
import type { Config } from '../config/index.ts';
import {
  createAuthRoutes,
  type DpopOptions,
  errorBoundary,
  type PushedRequests,
  type RateLimiter,
} from '../endpoints/index.ts';
import type { Interaction } from '../interaction/index.ts';
import type { KeyRing } from '../keys/index.ts';
import { isSameResource, issuerPath, type ResourceDirectory, reject, UnavailableError } from '../oauth/index.ts';
import type { Audit, Clock, Random } from '../platform/index.ts';
import type { JwtProvider } from '../provider/index.ts';
import type { Log, Metrics } from '../telemetry/index.ts';
import { type RevocationFeed, signCompact } from '../tokens/index.ts';
import { homePage } from './home-page.ts';
import { createRateLimiter } from './rate-limiters.ts';
import { reportFaultsTo, requestLog } from './request-log.ts';
import { securityHeaders } from './security-headers.ts';

/** What the app is put together from. */
export interface AppParts {
  readonly provider: JwtProvider;
  readonly keys: KeyRing;
  readonly interaction: Interaction;
  readonly resources: ResourceDirectory;
  readonly clientAssertions: ClientAssertions;
  readonly revocationFeed: RevocationFeed;
  readonly dpop: DpopOptions;
  readonly pushedRequests: PushedRequests;
  readonly platform: { readonly clock: Clock; readonly random: Random; readonly audit: Audit };
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The Koa app of the public port: endpoints, pages, and one answer for everything else. */
export function createApp(config: Config, parts: AppParts): Koa {
  const {
    provider,
    keys,
    interaction,
    resources,
    clientAssertions,
    revocationFeed,
    dpop,
    pushedRequests,
    platform,
    log,
  } = parts;
  const reportFault = reportFaultsTo(log, platform.audit);
  const app = new Koa({ proxy: config.trustProxy > 0, maxIpsCount: config.trustProxy });
  app.silent = true;
  app.on('error', (error: unknown) => {
    if (isLostConnection(error)) log.debug({ err: error }, 'a client went away');
    else if (error instanceof UnavailableError) reportFault(error, { path: '' });
    else log.error({ err: error }, 'unexpected failure');
  });

  const routes = createAuthRoutes({
    provider,
    issuerUrl: config.issuer,
    clientRegistrationOptions: config.registration,
    revocationOptions: { enabled: true },
    introspectionOptions: {
      servesResource: (client, wanted) =>
        client.origin === 'configured' &&
        config.resources.some(
          ({ resource, introspectedBy }) =>
            isSameResource(resource, wanted) && introspectedBy?.includes(client.clientId) === true,
        ),
      signing: {
        algorithms: [config.keys.algorithm],
        sign: (claims) => signCompact(keys.signer(), 'token-introspection+jwt', claims),
      },
    },
    resources,
    clientAssertions,
    jwkSet: () => keys.jwkSet(),
    ...(config.keys.postQuantum && { postQuantumJwkSet: () => keys.jwkSet('post-quantum') }),
    revocationFeed,
    dpop,
    pushedRequestOptions: { requests: pushedRequests, required: config.pushedRequests.required },
    clock: platform.clock,
    reportFault,
    refusalPage: interaction.showError,
    rateLimiters: config.rateLimits.enabled ? limitersOf(config) : {},
  });

  app.use(requestLog({ log, random: platform.random, metrics: parts.metrics }));
  app.use(securityHeaders({ isHttps: config.issuer.startsWith('https:') }));
  app.use(errorBoundary({ reportFault, refusalPage: interaction.showError, audience: 'people' }));
  app.use(routes.routes());
  app.use(interaction.router.routes());
  app.use(homePage(issuerPath(config.issuer)));
  app.use(() => {
    throw reject('not_found');
  });
  return app;
}

function limitersOf(
  config: Config,
): Record<'authorize' | 'token' | 'par' | 'register' | 'revoke' | 'introspect', RateLimiter> {
  const perMinute = (requests: number) => createRateLimiter({ requests, seconds: 60 });
  const { authorize, token, par, register, revoke, introspect } = config.rateLimits;
  return {
    authorize: perMinute(authorize),
    token: perMinute(token),
    par: perMinute(par),
    register: perMinute(register),
    revoke: perMinute(revoke),
    introspect: perMinute(introspect),
  };
}

const LOST_CONNECTION =
  /^(?:ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ERR_HTTP_REQUEST_TIMEOUT|ERR_STREAM_PREMATURE_CLOSE|HPE_\w+)$/;

/** Whether nothing went wrong but at the other end. Koa says so of every client that hangs up early. */
function isLostConnection(error: unknown): boolean {
  return error instanceof Error && 'code' in error && LOST_CONNECTION.test(String(error.code));
}
