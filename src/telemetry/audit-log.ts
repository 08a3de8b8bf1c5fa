import type { Audit, AuditEventName } from '../platform/index.ts';
import type { Log } from './log.ts';

// What an operator should look at: an attack, a mistake or damage.
export const WARNINGS: ReadonlySet<AuditEventName> = new Set([
  'sign_in.throttled',
  'code.replayed',
  'assertion.replayed',
  'token.refresh_reused',
  'denylist.entries_restored',
  'key.unreadable',
  'key.write_failed',
  'key.denial_failed',
  'key.store_unavailable',
]);

/**
 * An audit whose events are lines of the log, with `"audit": true` and the stable name in `event`. They are written
 * however high the level of the log is, unless it is silent.
 */
export function createAuditLog(log: Log): Audit {
  const lines = log.child({ audit: true }, log.level === 'silent' ? {} : { level: 'info' });
  return (event) => {
    if (WARNINGS.has(event.event)) lines.warn(event, event.event);
    else lines.info(event, event.event);
  };
}
