/**
 * endpoints: HTTP in, HTTP out: `createAuthRoutes`, one file for each endpoint, and the boundary where refusals become
 * answers.
 *
 * May import: oauth, platform, provider, clients, grants.
 */

export type { AuthRoutesOptions, ClientRegistrationOptions, RevocationOptions } from './auth-routes-options.ts';
export type { Authorization } from './authorization.ts';
export { createAuthorization } from './authorization.ts';
export type { DpopNonces, DpopOptions, ProofReplays } from './dpop.ts';
export type { FaultReporter, RefusalPage } from './error-boundary.ts';
export { errorBoundary } from './error-boundary.ts';
export type { IntrospectionOptions } from './introspect.ts';
export type { PublishedJwkSet } from './jwks.ts';
export type { PushedRequestOptions, PushedRequests } from './par.ts';
export type { RateLimiter } from './rate-limit.ts';
export type { PublishedRevocations, RevocationFeed } from './revocations.ts';
export { createAuthRoutes } from './routes.ts';
