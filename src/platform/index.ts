/**
 * platform: what the machine gives us behind a name: time, randomness, digests, the fetch for URLs that
 * strangers chose, the one for those the operator wrote down, and the port through which audit events leave.
 *
 * May import: oauth.
 */
export type { Audit, AuditEvent, AuditEventName } from './audit.ts';
export { silentAudit } from './audit.ts';
export type { Clock } from './clock.ts';
export { systemClock } from './clock.ts';
export { hmacSha256, isEqualSecret, sha256 } from './digest.ts';
export type { Lookup } from './dns-lookup.ts';
export { createDnsLookup } from './dns-lookup.ts';
export type { GuardedFetch, GuardedFetchDeps, GuardedResponse } from './guarded-fetch.ts';
export { createGuardedFetch } from './guarded-fetch.ts';
export type { FetchFault } from './guarded-fetch-error.ts';
export { GuardedFetchError } from './guarded-fetch-error.ts';
export { networkOf } from './network.ts';
export { isFetchableUrl, isPublicAddress, isPublicHostname } from './public-network.ts';
export type { Random } from './random.ts';
export { systemRandom } from './random.ts';
export type { TrustedFetch, TrustedRequest } from './trusted-fetch.ts';
export { createTrustedFetch } from './trusted-fetch.ts';
