/**
 * tokens: everything we hand out and later recognise (access tokens, sealed codes, refresh families), the denylist with
 * the feed of it, and the ports of what has to be stored for them.
 *
 * May import: oauth, platform, keys.
 */
export type { AccessTokenGrant, AccessTokens, IssuedAccessToken, OpenedAccessToken } from './access-token.ts';
export { createAccessTokenOpener, createAccessTokens, signCompact } from './access-token.ts';
export type { AuthorizationCodeClaims, AuthorizationCodes } from './authorization-code.ts';
export { createAuthorizationCodes } from './authorization-code.ts';
export type {
  DeniableThing,
  DenylistChanges,
  DenylistEntry,
  DenylistKey,
  DenylistKind,
  DenylistPosition,
  DenylistStore,
  NewDenylistEntry,
} from './denylist.ts';
export { denylistKeys, isDenied, strengthenEntry } from './denylist.ts';
export type { DpopNonces } from './dpop-nonce.ts';
export { createDpopNonces } from './dpop-nonce.ts';
export { findLiveFamilies } from './live-families.ts';
export type { OneTimeMarker, OneTimeStore } from './one-time.ts';
export type { PushedRequests } from './pushed-request.ts';
export { createPushedRequests } from './pushed-request.ts';
export type {
  NewRefreshFamily,
  PresentedRefreshToken,
  RefreshFamily,
  RefreshFamilyStore,
  Rotation,
  RotationRules,
} from './refresh-family.ts';
export type { RotationDecision } from './refresh-rotation.ts';
export { decideRotation } from './refresh-rotation.ts';
export type { OpenedRefreshToken, RefreshTokens } from './refresh-token.ts';
export { createRefreshTokens } from './refresh-token.ts';
export type { RevocationDocument, RevocationDocuments } from './revocation-document.ts';
export { createRevocationDocuments } from './revocation-document.ts';
export type { RevocationFeed, RevocationReader } from './revocation-feed.ts';
export { createRevocationFeed } from './revocation-feed.ts';
export type { Opened, SealedType, Sealer } from './sealed.ts';
export { createSealer } from './sealed.ts';
export type { TokenStore } from './store.ts';
