/**
 * guardmint/resource: the library with which MCP servers verify access tokens offline. No framework is needed; adapters
 * are `guardmint/resource/express`, `/fetch`, `/hono`, `/koa`, `/node`, `/mcp` and `/mcp-sdk-v1`.
 *
 * `tokens` verifies (begin at `verifier.ts`) with what `keys` fetches and `revocations` hears; `requests` reads the credential of a
 * request and answers it, for all adapters alike; `operations`, `principals` and `streams` are what an MCP server asks for beyond
 * that: scopes by tool, state that belongs to somebody, streams that end with their token. `runtime` is what Node and workers do
 * differently.
 *
 * May import: oauth. Frameworks in their adapter file only.
 */

// A verifier: what it takes, what it tells, and what it holds.

export type { ScopeHierarchy } from '../oauth/index.ts';
export { UnavailableError } from '../oauth/index.ts';
export type { RefusedKey } from './keys/jwk-set.ts';
export type { KeySourceState } from './keys/key-source.ts';
export type { KeyFault } from './keys/verification-key.ts';
export type { RevocableToken, RevocationSource, RevocationState } from './revocations/revocation-source.ts';
export type { Clock } from './runtime/clock.ts';
export type { AccessToken } from './tokens/access-token.ts';
export type { JwsAlgorithmName } from './tokens/jws-algorithm.ts';
export type { TokenEnd } from './tokens/token-watch.ts';
export type { Verifier, VerifierState } from './tokens/verifier.ts';
export { createVerifier } from './tokens/verifier.ts';
export type { VerifierOptions } from './tokens/verifier-options.ts';

// Tokens of other issuers, and of several.

export type { IssuerProfile } from './tokens/issuer-profile.ts';
export type { IssuerOptions } from './tokens/issuers.ts';
export { auth0, entra, keycloak, oidc } from './tokens/issuers.ts';
export type { IssuerSettings, VerifierSet, VerifierSetOptions } from './tokens/verifier-set.ts';
export { createVerifierSet } from './tokens/verifier-set.ts';

// A request: its credential, its challenge, and who sent it.

export { getAccessToken, getAuthenticatedUser, runWithAuth } from './requests/auth-context.ts';
export type { AuthInfo } from './requests/auth-info.ts';
export type { AuthenticatedUser, RequestHeaders, TokenVerifier } from './requests/bearer.ts';
export { authenticate, authorizationHeaders } from './requests/bearer.ts';
export type { AuthenticationScheme, BearerErrorCode, BearerErrorDetail } from './requests/bearer-error.ts';
export { BearerError } from './requests/bearer-error.ts';
export type { ChallengeOptions } from './requests/challenge.ts';
export { challenge } from './requests/challenge.ts';
export type { DpopOffer, DpopOptions, ProofReplays, ProvingRequest } from './requests/dpop.ts';
export type { ProtectedResourceOptions } from './requests/protected-resource.ts';
export {
  protectedResourceDocument,
  protectedResourcePaths,
  resourceMetadataUrl,
} from './requests/protected-resource.ts';
export type { RefusalAnswer } from './requests/refusal-answer.ts';
export { refusalAnswer } from './requests/refusal-answer.ts';

// Pages in browsers.

export { MCP_REQUEST_HEADERS, MCP_RESPONSE_HEADERS } from './requests/cors.ts';
export type { OriginCheck, OriginCheckOptions, OriginRefusal } from './requests/origin-check.ts';
export { originCheck } from './requests/origin-check.ts';

// The message: scopes by tool.

export { readMessages } from './operations/message-body.ts';
export type { OperationScopes } from './operations/operation-scopes.ts';
export type { TokenHolder, ToolScopes, ToolScopesOptions } from './operations/tool-scopes.ts';
export { toolScopes } from './operations/tool-scopes.ts';

// What lasts longer than a request, and whose it is.

export type { Binding, BindingContext } from './principals/binding.ts';
export { createBinding } from './principals/binding.ts';
export type { PrincipalSource } from './principals/principal.ts';
export { principalOf } from './principals/principal.ts';
export type { Sessions } from './principals/sessions.ts';
export { createSessions } from './principals/sessions.ts';
export { endWithToken } from './streams/end-with-token.ts';
export type { StreamEndOptions } from './streams/stream-end.ts';
