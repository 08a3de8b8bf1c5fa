/**
 * telemetry: what the process says about itself: JSON log lines without secrets, audit events among them, and metrics.
 *
 * May import: oauth, platform.
 */
export { createAuditLog } from './audit-log.ts';
export type { Log, LogFields, LogLevel } from './log.ts';
export { createLog } from './log.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export type { RequestDescription } from './request-description.ts';
export { describeRequest } from './request-description.ts';
