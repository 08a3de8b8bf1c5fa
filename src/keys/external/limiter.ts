import { UnavailableError } from '../../oauth/index.ts';

/** Lets so many calls through at once; the others wait their turn. */
export interface Limiter {
  /** @throws UnavailableError when too many wait already, or the signal is aborted before the turn comes. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** Calls that may wait per call that may run: with more than that, the last would wait for its timeout anyway. */
const WAITING_PER_PLACE = 64;

export function createLimiter(dependency: string, places: number): Limiter {
  const waiting = new Set<() => void>();
  let running = 0;

  function waitForTurn(signal: AbortSignal): Promise<void> {
    if (waiting.size >= places * WAITING_PER_PLACE) throw new UnavailableError(dependency, { retryAfter: 1 });
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', stop);
        resolve();
      };
      const stop = (): void => {
        waiting.delete(start);
        reject(new UnavailableError(dependency, { cause: signal.reason, retryAfter: 1 }));
      };
      waiting.add(start);
      signal.addEventListener('abort', stop, { once: true });
    });
  }

  return {
    async run(work, signal) {
      if (signal.aborted) throw new UnavailableError(dependency, { cause: signal.reason, retryAfter: 1 });
      // Whoever finishes hands its place on, so `running` does not change in between.
      if (running < places) running++;
      else await waitForTurn(signal);
      try {
        return await work();
      } finally {
        const [next] = waiting;
        if (next === undefined) running--;
        else {
          waiting.delete(next);
          next();
        }
      }
    },
  };
}
