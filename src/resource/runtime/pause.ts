/** What `clearTimeout` takes: an object in Node, a number elsewhere. */
export type Timer = ReturnType<typeof setTimeout>;

/** A timer that does not keep the process alive, where timers can. */
export function startTimer(act: () => void, milliseconds: number): Timer {
  const timer: Timer & { unref?(): void } = setTimeout(act, milliseconds);
  timer.unref?.();
  return timer;
}

/** Waits, in milliseconds, at most until aborted, and without keeping the process alive. Never rejects. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = startTimer(end, milliseconds);
    signal.addEventListener('abort', end);
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    }
  });
}

/** A length of time up to a fifth longer or shorter, so that many who were interrupted together do not return together. */
export function jitter(milliseconds: number): number {
  return milliseconds * (0.8 + 0.4 * Math.random());
}

/** Calls `act` unless it is restarted in time. Does not keep the process alive. */
export interface Watchdog {
  restart(milliseconds: number): void;
  stop(): void;
}

export function createWatchdog(act: () => void): Watchdog {
  let timer: Timer | undefined;
  return {
    restart(milliseconds) {
      clearTimeout(timer);
      timer = startTimer(act, milliseconds);
    },
    stop: () => clearTimeout(timer),
  };
}
