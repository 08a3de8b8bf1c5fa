/**
 * telemetry: what the process says about itself: JSON log lines without secrets, and audit events among them.
 *
 * May import: oauth, platform.
 */
export { createAuditLog } from './audit-log.ts';
export type { Log, LogFields, LogLevel } from './log.ts';
export { createLog } from './log.ts';
export type { RequestDescription } from './request-description.ts';
export { describeRequest } from './request-description.ts';
