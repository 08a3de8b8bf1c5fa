import type { DatabaseSync } from 'node:sqlite';

const POLL_MS = 200;

/** Tells listeners of new entries, whichever process wrote them. */
export interface ChangeWatch {
  watch(listener: () => void): Disposable;
  /** To be called when this process has added an entry. */
  notify(): void;
}

/**
 * SQLite tells nobody of another process's commits, but counts them: `PRAGMA data_version` is looked at while somebody
 * listens, without keeping the process alive. It counts every commit; the sequence tells whether the denylist changed.
 */
export function createChangeWatch(deps: { connection: DatabaseSync; lastSequence: () => number }): ChangeWatch {
  const { connection, lastSequence } = deps;
  const version = connection.prepare('PRAGMA data_version');
  const listeners = new Set<{ notify: () => void }>();
  let timer: NodeJS.Timeout | undefined;
  let seenVersion: unknown;
  let seenSequence: number | undefined;

  /** Whether the denylist has changed since the last look. A look that fails is made up for by the next one. */
  function look(): boolean {
    try {
      const current = version.get()?.['data_version'];
      if (current === seenVersion) return false;
      const sequence = lastSequence();
      const hasChanged = sequence !== seenSequence;
      seenVersion = current;
      seenSequence = sequence;
      return hasChanged;
    } catch {
      return false;
    }
  }

  function notify(): void {
    for (const listener of listeners) queueMicrotask(() => listeners.has(listener) && listener.notify());
  }

  function watch(listener: () => void): Disposable {
    const watcher = { notify: listener };
    listeners.add(watcher);
    if (timer === undefined) {
      look();
      timer = setInterval(() => look() && notify(), POLL_MS).unref();
    }
    return {
      [Symbol.dispose]() {
        listeners.delete(watcher);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      },
    };
  }

  return { watch, notify };
}
