/**
 * guardmint/provider: the provider port, the routes over any provider, and `JwtProvider`.
 */
export type {
  AssertionMarker,
  Client,
  ClientAssertions,
  ClientAuthenticationMethod,
  ClientMetadata,
  ClientOrigin,
  ConsumeOnce,
  JwkSet,
  JwkSetLimits,
  RegisteredClient,
  RemoteJwkSets,
} from './clients/index.ts';
export { clientHash, createClientAssertions, createRemoteJwkSets } from './clients/index.ts';
export type {
  AuthRoutesOptions,
  ClientRegistrationOptions,
  DpopNonces,
  DpopOptions,
  FaultReporter,
  IntrospectionOptions,
  ProofReplays,
  PublishedJwkSet,
  PushedRequestOptions,
  PushedRequests,
  RateLimiter,
  RefusalPage,
  RevocationOptions,
} from './endpoints/index.ts';
export { createAuthRoutes } from './endpoints/index.ts';
export type {
  AuthorizationRequest,
  RejectionReason,
  Resource,
  ResourceDirectory,
  Scope,
  SenderConstraint,
  VerifiedRedirectTarget,
} from './oauth/index.ts';
export {
  createResourceDirectory,
  OAuthError,
  refusalUrl,
  reject,
  responseUrl,
  UnavailableError,
} from './oauth/index.ts';
export type { GuardedFetch, GuardedFetchDeps } from './platform/index.ts';
export { createGuardedFetch } from './platform/index.ts';
export type {
  AccessToken,
  AuthorizationCode,
  CodeRedemption,
  JwtAccessToken,
  JwtAuthorizationCode,
  JwtProvider,
  JwtProviderDeps,
  JwtProviderSettings,
  JwtRefreshToken,
  OAuthAuthorizationServerProvider,
  OAuthToken,
  Permitted,
  RefreshToken,
  RefreshTokenUse,
  TokenExchangeRule,
} from './provider/index.ts';
export { createJwtProvider } from './provider/index.ts';
