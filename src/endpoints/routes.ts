import Router from '@koa/router';
import { ASSERTION_ALGORITHMS, type ClientAssertions, createClientAuthentication } from '../clients/index.ts';
import { createGrants, INTERACTIVE_GRANT_TYPES } from '../grants/index.ts';
import {
  createResourceDirectory,
  DPOP_ALGORITHMS,
  findIssuerFault,
  issuerPath,
  OFFLINE_ACCESS,
  type ResourceDirectory,
  type ServerMetadata,
  wellKnownPath,
} from '../oauth/index.ts';
import { type Clock, systemClock } from '../platform/index.ts';
import type {
  AccessToken,
  AuthorizationCode,
  OAuthAuthorizationServerProvider,
  RefreshToken,
} from '../provider/index.ts';
import { createAuthorization } from './authorization.ts';
import { authorizeEndpoint } from './authorize.ts';
import { createDpopGate, type DpopOptions } from './dpop.ts';
import type { FaultReporter, RefusalPage } from './error-boundary.ts';
import { type IntrospectionOptions, introspectEndpoint } from './introspect.ts';
import { jwksEndpoint, type PublishedJwkSet } from './jwks.ts';
import { metadataEndpoint } from './metadata.ts';
import { type PushedRequestOptions, parEndpoint } from './par.ts';
import { limited, type RateLimiter } from './rate-limit.ts';
import { clientConfigurationEndpoint, registerEndpoint, registrationAnswer } from './register.ts';
import { revocationStreamEndpoint } from './revocation-stream.ts';
import { type RevocationFeed, revocationsEndpoint } from './revocations.ts';
import { revokeEndpoint } from './revoke.ts';
import { mountRoutes, type Route } from './route.ts';
import { tokenEndpoint } from './token.ts';

/** Dynamic client registration (RFC 7591): offered only when enabled. */
export interface ClientRegistrationOptions {
  readonly enabled: boolean;
  /** Scope names clients may register; absent: those of the resources, or any where a resource admits any. */
  readonly validScopes?: readonly string[];
  /** Registered when a client names none. */
  readonly defaultScopes?: readonly string[];
  /** SHA-256 of initial access tokens in base64url, one of which a registration must show; absent: everybody may register. */
  readonly initialAccessTokenHashes?: readonly string[] | undefined;
}

/** Token revocation (RFC 7009): offered only when enabled. */
export interface RevocationOptions {
  readonly enabled: boolean;
}

/** Options of `createAuthRoutes`. */
export interface AuthRoutesOptions<
  Code extends AuthorizationCode,
  Refresh extends RefreshToken,
  Access extends AccessToken,
> {
  readonly provider: OAuthAuthorizationServerProvider<Code, Refresh, Access>;
  /** The issuer identifier, used byte for byte; endpoints live below its path. */
  readonly issuerUrl: string;
  readonly serviceDocumentationUrl?: string;
  readonly clientRegistrationOptions?: ClientRegistrationOptions;
  readonly revocationOptions?: RevocationOptions;
  /** Token introspection (RFC 7662); absent: there is no `/introspect`. */
  readonly introspectionOptions?: IntrospectionOptions;
  /** Proves clients by their keys; absent: `private_key_jwt` is not offered. */
  readonly clientAssertions?: ClientAssertions;
  /** The resources tokens may be asked for; absent: every resource on this machine. */
  readonly resources?: ResourceDirectory;
  /** The keys of signed access tokens; absent: no JWK Set is served. */
  readonly jwkSet?: () => PublishedJwkSet;
  /** The keys of type `AKP` (RFC 9964), in a set of their own at `/.well-known/jwks-pq.json`; absent: there is none. */
  readonly postQuantumJwkSet?: () => PublishedJwkSet;
  /** What validators are told of revoked tokens; absent: nothing, and the metadata names no feed. */
  readonly revocationFeed?: RevocationFeed;
  /** Proof of possession (RFC 9449); absent: proofs are not looked at and none is advertised. */
  readonly dpop?: DpopOptions;
  /** Pushed authorization requests (RFC 9126); absent: there is no `/par`. */
  readonly pushedRequestOptions?: PushedRequestOptions;
  readonly clock?: Clock;
  readonly reportFault?: FaultReporter;
  /** The page a person sees when `/authorize` refuses; absent: JSON. */
  readonly refusalPage?: RefusalPage;
  readonly rateLimiters?: Partial<
    Record<'authorize' | 'token' | 'par' | 'register' | 'revoke' | 'introspect', RateLimiter>
  >;
}

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
      refusalPage: options.refusalPage,
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
  mountRoutes(router, routes, reportFault);
  return router;
}

function both<M>(endpoint: M): { get: M; post: M } {
  return { get: endpoint, post: endpoint };
}

/** Every scope name the resources know, `offline_access` with them; `undefined` where a resource admits any. */
function scopeNames(resources: ResourceDirectory): readonly string[] | undefined {
  if (resources.known.length === 0 || resources.known.some((resource) => resource.scopes === undefined))
    return undefined;
  return [...new Set([...resources.known.flatMap((resource) => Object.keys(resource.scopes ?? {})), OFFLINE_ACCESS])];
}

const POST_QUANTUM_JWKS = '/.well-known/jwks-pq.json';
const REVOCATIONS = '/revocations';
const REVOCATION_STREAM = '/revocations/stream';

const AUTHENTICATION_METHODS = ['none', 'client_secret_basic', 'client_secret_post'];

function buildMetadata(
  options: Pick<
    AuthRoutesOptions<AuthorizationCode, RefreshToken, AccessToken>,
    | 'issuerUrl'
    | 'provider'
    | 'serviceDocumentationUrl'
    | 'clientRegistrationOptions'
    | 'revocationOptions'
    | 'revocationFeed'
    | 'introspectionOptions'
    | 'clientAssertions'
    | 'jwkSet'
    | 'postQuantumJwkSet'
    | 'dpop'
    | 'pushedRequestOptions'
  >,
  resources: ResourceDirectory,
  grantTypes: readonly string[],
): ServerMetadata {
  const issuer = options.issuerUrl;
  const hasAssertions = options.clientAssertions !== undefined;
  const methods = hasAssertions ? [...AUTHENTICATION_METHODS, 'private_key_jwt'] : AUTHENTICATION_METHODS;
  const scopes = options.clientRegistrationOptions?.validScopes ?? scopeNames(resources) ?? [OFFLINE_ACCESS];
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    ...(options.jwkSet !== undefined && { jwks_uri: `${issuer}/.well-known/jwks.json` }),
    ...(options.clientRegistrationOptions?.enabled === true && { registration_endpoint: `${issuer}/register` }),
    scopes_supported: scopes,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: grantTypes,
    ...(options.provider.loadIdentityAssertion !== undefined && {
      authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
    }),
    token_endpoint_auth_methods_supported: methods,
    ...(hasAssertions && { token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS }),
    ...(options.revocationOptions?.enabled === true && {
      revocation_endpoint: `${issuer}/revoke`,
      revocation_endpoint_auth_methods_supported: methods,
      ...(hasAssertions && { revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS }),
    }),
    ...(options.introspectionOptions !== undefined && {
      introspection_endpoint: `${issuer}/introspect`,
      introspection_endpoint_auth_methods_supported: methods.filter((method) => method !== 'none'),
      ...(hasAssertions && { introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS }),
      ...(options.introspectionOptions.signing !== undefined && {
        introspection_signing_alg_values_supported: options.introspectionOptions.signing.algorithms,
      }),
    }),
    code_challenge_methods_supported: ['S256'],
    ...(options.serviceDocumentationUrl !== undefined && { service_documentation: options.serviceDocumentationUrl }),
    authorization_response_iss_parameter_supported: true,
    ...(options.provider.signInBefore !== undefined && { client_id_metadata_document_supported: true as const }),
    ...(options.pushedRequestOptions !== undefined && {
      pushed_authorization_request_endpoint: `${issuer}/par`,
      require_pushed_authorization_requests: options.pushedRequestOptions.required ?? false,
    }),
    ...(options.dpop !== undefined && { dpop_signing_alg_values_supported: DPOP_ALGORITHMS }),
    ...(options.postQuantumJwkSet !== undefined && { post_quantum_jwks_uri: `${issuer}${POST_QUANTUM_JWKS}` }),
    ...(options.revocationFeed !== undefined && {
      revocation_list_endpoint: `${issuer}${REVOCATIONS}`,
      revocation_stream_endpoint: `${issuer}${REVOCATION_STREAM}`,
    }),
    ...(resources.known.length > 0 && { protected_resources: resources.known.map((resource) => resource.resource) }),
  };
}
