/**
 * grants: one file for each grant_type: the checks of the protocol over the provider port, without HTTP.
 *
 * May import: oauth, platform, provider, clients.
 */
export { createAuthorizationCodeGrant } from './authorization-code.ts';
export type { Grant } from './grant.ts';
export { JWT_BEARER } from './jwt-bearer.ts';
export { createGrants, INTERACTIVE_GRANT_TYPES } from './offered-grants.ts';
export { createRefreshTokenGrant } from './refresh-token.ts';
