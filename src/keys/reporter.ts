import type { Audit, AuditEvent } from '../platform/index.ts';

const LASTING: readonly AuditEvent['event'][] = ['key.unreadable', 'key.write_failed'];

/** Passes audit events on; a fault that lasts over several readings is told once, until it is gone and comes back. */
export function createReporter(audit: Audit): { report: (event: AuditEvent) => void; endRound: () => void } {
  let before: ReadonlySet<string> = new Set();
  let current = new Set<string>();
  return {
    report(event) {
      if (LASTING.includes(event.event)) {
        const fault = JSON.stringify(event);
        const isTold = before.has(fault) || current.has(fault);
        current.add(fault);
        if (isTold) return;
      }
      audit(event);
    },
    endRound() {
      before = current;
      current = new Set();
    },
  };
}
