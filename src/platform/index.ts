/**
 * platform: what the machine gives us behind a name: time, randomness, digests, and the port through which audit events leave.
 *
 * May import: oauth.
 */
export type { Audit, AuditEvent, AuditEventName } from './audit.ts';
export { silentAudit } from './audit.ts';
export type { Clock } from './clock.ts';
export { systemClock } from './clock.ts';
export { hmacSha256, isEqualSecret, sha256 } from './digest.ts';
export type { Random } from './random.ts';
export { systemRandom } from './random.ts';
