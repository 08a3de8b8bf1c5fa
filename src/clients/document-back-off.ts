import { LRUCache } from 'lru-cache';
import type { Seconds } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';

/** Remembers failures by name and says how long to leave the name alone. Bounded; what it forgets may be tried. */
export interface BackOff {
  /** Seconds to wait; 0: go ahead. */
  wait(name: string): Seconds;
  failed(name: string): void;
  succeeded(name: string): void;
}

/**
 * A back-off that lets `free` failures in a row pass, so that a mended document works at once, then doubles the pause
 * from 5 s to 5 min. Failures are forgotten after twice the longest pause.
 */
export function createBackOff(deps: { clock: Clock; free: number; maxNames: number }): BackOff {
  const { clock, free, maxNames } = deps;
  const [shortest, longest] = [5, 300];
  const failures = new LRUCache<string, { count: number; at: number; until: number }>({ max: maxNames });

  return {
    wait: (name) => Math.max(0, (failures.get(name)?.until ?? 0) - clock()),
    failed(name) {
      const now = clock();
      const before = failures.get(name);
      const count = before === undefined || now > before.at + 2 * longest ? 1 : before.count + 1;
      const pause = count <= free ? 0 : Math.min(longest, shortest * 2 ** Math.min(count - free - 1, 16));
      failures.set(name, { count, at: now, until: now + pause });
    },
    succeeded: (name) => void failures.delete(name),
  };
}

/** At most `perMinute` admissions by name within one minute of the clock. Bounded. */
export function createRateLimit(deps: {
  clock: Clock;
  perMinute: number;
  maxNames: number;
}): (name: string) => boolean {
  const { clock, perMinute, maxNames } = deps;
  const windows = new LRUCache<string, { minute: number; count: number }>({ max: maxNames });
  return (name) => {
    const minute = Math.floor(clock() / 60);
    const current = windows.get(name);
    const count = current?.minute === minute ? current.count + 1 : 1;
    windows.set(name, { minute, count });
    return count <= perMinute;
  };
}
