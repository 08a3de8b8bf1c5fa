import Router from '@koa/router';
import { createClientAuthentication } from '../clients/index.ts';
import { createGrants, INTERACTIVE_GRANT_TYPES } from '../grants/index.ts';
import { createResourceDirectory, findIssuerFault, issuerPath, wellKnownPath } from '../oauth/index.ts';
import { systemClock } from '../platform/index.ts';
import type { AccessToken, AuthorizationCode, RefreshToken } from '../provider/index.ts';
import type { AuthRoutesOptions } from './auth-routes-options.ts';
import { createAuthorization } from './authorization.ts';
import { authorizeEndpoint } from './authorize.ts';
import { buildMetadata, POST_QUANTUM_JWKS, REVOCATION_STREAM, REVOCATIONS, scopeNames } from './build-metadata.ts';
import { createDpopGate } from './dpop.ts';
import { introspectEndpoint } from './introspect.ts';
import { jwksEndpoint } from './jwks.ts';
import { metadataEndpoint } from './metadata.ts';
import { parEndpoint } from './par.ts';
import { limited } from './rate-limit.ts';
import { clientConfigurationEndpoint, registerEndpoint, registrationAnswer } from './register.ts';
import { revocationStreamEndpoint } from './revocation-stream.ts';
import { revocationsEndpoint } from './revocations.ts';
import { revokeEndpoint } from './revoke.ts';
import { mountRoutes, type Route } from './route.ts';
import { tokenEndpoint } from './token.ts';

/**
 * The routes of an authorization server over any provider, as a Koa router: metadata, `/authorize`, `/token` and, where
 * enabled, `/register`, `/revoke`, the JWK Set and `/revocations`.
 *
 * @example
 * app.use(createAuthRoutes({ provider, issuerUrl: 'https://auth.example.com' }).routes());
 * @throws TypeError when the issuer cannot be one (RFC 8414 §2).
 */
export function createAuthRoutes<
  Code extends AuthorizationCode,
  Refresh extends RefreshToken,
  Access extends AccessToken,
>(options: AuthRoutesOptions<Code, Refresh, Access>): Router {
  const { provider, issuerUrl: issuer } = options;
  const fault = findIssuerFault(issuer);
  if (fault !== undefined) throw new TypeError(`issuerUrl ${fault}`);
  const clock = options.clock ?? systemClock;
  const reportFault = options.reportFault ?? (() => {});
  const resources = options.resources ?? createResourceDirectory({ resources: [] });
  const grants = createGrants({ provider, clock, resources });
  const grantTypes = grants.map((grant) => grant.grantType);
  const pushing = options.pushedRequestOptions;
  const requiresPush = pushing?.required ?? false;
  const authorization = createAuthorization({ provider, issuer, resources, reportFault, requiresPush });
  const authenticate = createClientAuthentication({ assertions: options.clientAssertions });
  const findClient = (clientId: string, presented: string) => provider.getClient(clientId, presented);
  const dpop = options.dpop && createDpopGate({ ...options.dpop, clock });
  const limiters = options.rateLimiters ?? {};
  const path = issuerPath(issuer);

  const routes: Route[] = [
    {
      path: wellKnownPath('oauth-authorization-server', issuer),
      get: metadataEndpoint(buildMetadata(options, resources, grantTypes)),
      isCrossOrigin: true,
    },
    {
      path: `${path}/authorize`,
      ...both(
        limited(limiters.authorize, authorizeEndpoint({ authorization, provider, pushedRequests: pushing?.requests })),
      ),
      isCrossOrigin: false,
      isForPeople: true,
    },
    {
      path: `${path}/token`,
      post: limited(limiters.token, tokenEndpoint({ findClient, authenticate, grants, dpop, url: `${issuer}/token` })),
      isCrossOrigin: true,
    },
  ];
  if (options.jwkSet !== undefined) {
    routes.push({ path: `${path}/.well-known/jwks.json`, get: jwksEndpoint(options.jwkSet), isCrossOrigin: true });
  }
  if (options.postQuantumJwkSet !== undefined) {
    const get = jwksEndpoint(options.postQuantumJwkSet);
    routes.push({ path: `${path}${POST_QUANTUM_JWKS}`, get, isCrossOrigin: true });
  }
  const registration = options.clientRegistrationOptions;
  if (registration?.enabled === true) {
    const validScopes = registration.validScopes ?? scopeNames(resources);
    const policy = {
      grantTypes: grantTypes.filter((grantType) => INTERACTIVE_GRANT_TYPES.includes(grantType)),
      acceptsKeys: options.clientAssertions !== undefined,
      ...(validScopes !== undefined && { validScopes }),
      ...(registration.defaultScopes !== undefined && { defaultScopes: registration.defaultScopes }),
    };
    const { loadRegistration, deleteClient } = provider;
    const isManaged = loadRegistration !== undefined && deleteClient !== undefined;
    const answer = registrationAnswer(isManaged ? `${issuer}/register` : undefined);
    const endpoint = registerEndpoint({
      registerClient: (metadata) => provider.registerClient(metadata),
      policy,
      answer,
      initialAccessTokenHashes: registration.initialAccessTokenHashes,
    });
    const managed = isManaged
      ? clientConfigurationEndpoint({
          provider: {
            loadRegistration: (clientId, token) => loadRegistration.call(provider, clientId, token),
            deleteClient: (client) => deleteClient.call(provider, client),
          },
          answer,
        })
      : undefined;
    routes.push({
      path: `${path}/register`,
      post: limited(limiters.register, endpoint),
      ...(managed !== undefined && {
        get: limited(limiters.register, managed.get),
        delete: limited(limiters.register, managed.delete),
      }),
      isCrossOrigin: true,
    });
  }
  if (options.revocationOptions?.enabled === true) {
    const endpoint = revokeEndpoint({ provider, authenticate });
    routes.push({ path: `${path}/revoke`, post: limited(limiters.revoke, endpoint), isCrossOrigin: true });
  }

  const introspection = options.introspectionOptions;
  if (introspection !== undefined) {
    const endpoint = introspectEndpoint({ provider, authenticate, issuer, clock, options: introspection });
    // Servers ask, not pages: no script of another origin has a credential to ask with.
    routes.push({ path: `${path}/introspect`, post: limited(limiters.introspect, endpoint), isCrossOrigin: false });
  }
  if (pushing !== undefined) {
    const { requests } = pushing;
    const endpoint = parEndpoint({ findClient, authenticate, authorization, requests, dpop, url: `${issuer}/par` });
    routes.push({ path: `${path}/par`, post: limited(limiters.par, endpoint), isCrossOrigin: true });
  }

  const { revocationFeed: feed } = options;
  if (feed !== undefined) {
    const list = revocationsEndpoint(feed);
    const stream = revocationStreamEndpoint({ feed });
    routes.push({ path: `${path}${REVOCATIONS}`, get: list, isCrossOrigin: true });
    routes.push({ path: `${path}${REVOCATION_STREAM}`, get: stream, isCrossOrigin: true });
  }

  const router = new Router({ sensitive: true, strict: true });
  mountRoutes(router, routes, { reportFault, refusalPage: options.refusalPage });
  return router;
}

function both<M>(endpoint: M): { get: M; post: M } {
  return { get: endpoint, post: endpoint };
}
