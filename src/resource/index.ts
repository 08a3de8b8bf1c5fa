/**
 * guardmint/resource: the library with which MCP servers verify access tokens offline. No framework is needed; adapters
 * are `guardmint/resource/express`, `/fetch`, `/hono`, `/koa`, `/node`, `/mcp` and `/mcp-sdk-v1`.
 *
 * Where to begin: a token goes through `verifier.ts` (`token-signature.ts`, `token-opener.ts`, `token-cache.ts`); keys come from
 * `remote-keys.ts`, revocations from `revocation-feed.ts` (`revocation-stream.ts`, or `revocation-visits.ts` in workers). A request
 * goes through `request-gate.ts`, which all adapters share. `node-*` and `web-*` are what the one or the other runtime has.
 *
 * May import: oauth. Frameworks in their adapter file only.
 */

// A verifier: what it takes, what it tells, and what it holds.

export type { ScopeHierarchy } from '../oauth/index.ts';
export { UnavailableError } from '../oauth/index.ts';
export type { AccessToken } from './access-token.ts';
export type { Clock } from './clock.ts';
export type { RefusedKey } from './jwk-set.ts';
export type { JwsAlgorithmName } from './jws-algorithm.ts';
export type { KeySourceState } from './key-source.ts';
export type { RevocableToken, RevocationSource, RevocationState } from './revocation-source.ts';
export type { TokenEnd } from './token-watch.ts';
export type { KeyFault } from './verification-key.ts';
export type { Verifier, VerifierState } from './verifier.ts';
export { createVerifier } from './verifier.ts';
export type { VerifierOptions } from './verifier-options.ts';

// Tokens of other issuers, and of several.

export type { IssuerProfile } from './issuer-profile.ts';
export type { IssuerOptions } from './issuers.ts';
export { auth0, entra, keycloak, oidc } from './issuers.ts';
export type { IssuerSettings, VerifierSet, VerifierSetOptions } from './verifier-set.ts';
export { createVerifierSet } from './verifier-set.ts';

// A request: its credential, its challenge, and who sent it.

export { getAccessToken, getAuthenticatedUser, runWithAuth } from './auth-context.ts';
export type { AuthInfo } from './auth-info.ts';
export type { AuthenticatedUser, RequestHeaders, TokenVerifier } from './bearer.ts';
export { authenticate, authorizationHeaders } from './bearer.ts';
export type { AuthenticationScheme, BearerErrorCode, BearerErrorDetail } from './bearer-error.ts';
export { BearerError } from './bearer-error.ts';
export type { ChallengeOptions } from './challenge.ts';
export { challenge } from './challenge.ts';
export type { DpopOffer, DpopOptions, ProofReplays, ProvingRequest } from './dpop.ts';
export type { ProtectedResourceOptions } from './protected-resource.ts';
export { protectedResourceDocument, protectedResourcePaths, resourceMetadataUrl } from './protected-resource.ts';
export type { RefusalAnswer } from './refusal-answer.ts';
export { refusalAnswer } from './refusal-answer.ts';

// Pages in browsers.

export { MCP_REQUEST_HEADERS, MCP_RESPONSE_HEADERS } from './cors.ts';
export type { OriginCheck, OriginCheckOptions, OriginRefusal } from './origin-check.ts';
export { originCheck } from './origin-check.ts';

// The message: scopes by tool.

export { readMessages } from './message-body.ts';
export type { OperationScopes } from './operation-scopes.ts';
export type { TokenHolder, ToolScopes, ToolScopesOptions } from './tool-scopes.ts';
export { toolScopes } from './tool-scopes.ts';

// What lasts longer than a request, and whose it is.

export type { Binding, BindingContext } from './binding.ts';
export { createBinding } from './binding.ts';
export { endWithToken } from './end-with-token.ts';
export type { PrincipalSource } from './principal.ts';
export { principalOf } from './principal.ts';
export type { Sessions } from './sessions.ts';
export { createSessions } from './sessions.ts';
export type { StreamEndOptions } from './stream-end.ts';
