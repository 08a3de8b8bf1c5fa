import { UnavailableError } from '../../src/oauth/index.ts';
import { until } from '../support/redis-server.ts';

/** The answer of a call that may meet a connection which is still being made, or moved to another master. */
export async function persist<T>(call: () => Promise<T>): Promise<T> {
  let answer: { readonly value: T } | undefined;
  await until(async () => {
    try {
      answer = { value: await call() };
      return true;
    } catch (error) {
      if (error instanceof UnavailableError) return false;
      throw error;
    }
  });
  if (answer === undefined) throw new Error('there was no answer');
  return answer.value;
}
