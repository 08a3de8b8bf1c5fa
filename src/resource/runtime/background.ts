import { isProcess } from './node-module.ts';
import { startTimer } from './pause.ts';

/**
 * Takes work that nobody waits for. Answers a promise where it would not be done unless the caller waits for it: in workers,
 * whose work ends with the request that began it.
 */
export type Background = (work: Promise<void>) => Promise<void> | undefined;

/** Hands work to `waitUntil` where there is one. */
export function createBackground(waitUntil: ((work: Promise<unknown>) => void) | undefined): Background {
  if (waitUntil !== undefined) return (work) => void waitUntil(work);
  return isProcess() ? () => undefined : (work) => work;
}

/**
 * Waits for work, in milliseconds, and no longer: where whoever began it is gone, it may never end. Answers whether it ended.
 * Rejects as the work does.
 */
export async function within(work: Promise<void>, milliseconds: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<false>();
  const timer = startTimer(() => resolve(false), milliseconds);
  try {
    return await Promise.race([work.then(() => true), promise]);
  } finally {
    clearTimeout(timer);
  }
}
