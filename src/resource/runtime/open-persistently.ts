import { jitter, startTimer, type Timer } from './pause.ts';

const AT_ONCE = 4;

/**
 * Tries until one attempt succeeds, for as long as it takes. A connection that was begun during an outage may never say
 * anything, so the next attempt does not wait for the one before: it starts after an interval, and the oldest of more than
 * four is given up. Rejects only when aborted.
 */
export function openPersistently<T>(deps: {
  attempt: (signal: AbortSignal) => Promise<T>;
  /** In milliseconds, asked before each. */
  interval: () => number;
  onFailure: (error: unknown) => void;
  signal: AbortSignal;
}): Promise<T> {
  const { attempt, interval, onFailure, signal } = deps;
  const running: AbortController[] = [];
  let timer: Timer | undefined;

  return new Promise<T>((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      for (const one of running) one.abort();
    };
    const abort = () => {
      finish();
      reject(signal.reason);
    };
    const begin = () => {
      timer = startTimer(begin, jitter(interval()));
      if (running.length >= AT_ONCE) running.shift()?.abort();
      const one = new AbortController();
      running.push(one);
      attempt(one.signal).then(
        (value) => {
          running.splice(running.indexOf(one), 1);
          finish();
          resolve(value);
        },
        (error: unknown) => {
          if (running.includes(one)) running.splice(running.indexOf(one), 1);
          if (!one.signal.aborted) onFailure(error);
        },
      );
    };
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    else begin();
  });
}
