/**
 * oauth: the words of the protocol, the table of refusals, and pure rules about scopes, resources, redirect URIs, PKCE,
 * compact tokens and RFC 9068 claims. It does no I/O and knows no clock.
 *
 * May import: nothing.
 */
export type { AccessTokenClaims, AccessTokenExpectation, AccessTokenFault } from './access-token.ts';
export {
  ACCESS_TOKEN_TYPE,
  findAccessTokenFault,
  isAccessTokenClaims,
  isAccessTokenExpired,
  isAccessTokenType,
  isIdentifier,
  readConfirmation,
} from './access-token.ts';
export type { AuthorizationRequest } from './authorization-request.ts';
export { bytesOfBase64url, isCanonicalBase64url, MAX_COMPACT_LENGTH, splitCompact } from './compact.ts';
export type { DpopExpectation, DpopProof, DpopProofFault } from './dpop-proof.ts';
export {
  DPOP_ALGORITHMS,
  DPOP_PROOF_WINDOW,
  findDpopProofFault,
  isThumbprint,
  readDpopProof,
  thumbprintInput,
} from './dpop-proof.ts';
export type { RefusalDetail } from './error.ts';
export { OAuthError, reject, UnavailableError } from './error.ts';
export type { Form } from './form.ts';
export { parseForm } from './form.ts';
export { machineScope } from './machine-scope.ts';
export { isCodeChallenge, isCodeVerifier } from './pkce.ts';
export type { ReplayMemory } from './proof-replays.ts';
export { createReplayMemory } from './proof-replays.ts';
export type { VerifiedRedirectTarget } from './redirect-uri.ts';
export {
  isAcceptableRedirectUri,
  matchesRedirectUri,
  redirectDestination,
  refusalUrl,
  responseUrl,
  verifyRedirectTarget,
} from './redirect-uri.ts';
export type { RejectionReason } from './rejections.ts';
export { REJECTIONS } from './rejections.ts';
export type { Resource, ResourceDirectory } from './resource.ts';
export {
  canonicalResource,
  createResourceDirectory,
  isLoopbackHost,
  isLoopbackUrl,
  isSameResource,
} from './resource.ts';
export type { DeniedId, DeniedIssue, RevocationClaims } from './revocation-document.ts';
export { formatPosition, isRevocationClaims, parsePosition, REVOCATIONS_TYPE } from './revocation-document.ts';
export type { Scope, ScopeHierarchy } from './scope.ts';
export {
  coversScope,
  expandScope,
  formatScope,
  isScopeToken,
  narrowScope,
  OFFLINE_ACCESS,
  parseScope,
} from './scope.ts';
export type { SenderConstraint } from './sender-constraint.ts';
export { meetsConstraint } from './sender-constraint.ts';
export type { ProtectedResourceMetadata, ServerMetadata } from './server-metadata.ts';
export { findIssuerFault, issuerPath, wellKnownPath } from './server-metadata.ts';
export type { JsonObject } from './strict-json.ts';
export { isJsonObject, parseJsonBytes, parseJsonObject } from './strict-json.ts';
export type { EpochSeconds, Seconds } from './time.ts';
