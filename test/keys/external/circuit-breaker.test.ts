import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createCircuitBreaker,
  FAILURES_TO_OPEN,
  FIRST_PAUSE,
  LONGEST_PAUSE,
} from '../../../src/keys/external/circuit-breaker.ts';
import { UnavailableError } from '../../../src/oauth/index.ts';

function openBreaker() {
  let now = 0;
  const changes: boolean[] = [];
  const breaker = createCircuitBreaker({
    dependency: 'HSM',
    monotonic: () => now,
    isFailure: (error) => error instanceof UnavailableError,
    changed: (isOpen) => changes.push(isOpen),
  });
  let calls = 0;
  const call = async (outcome: 'works' | 'fails' | 'is refused') => {
    const before = calls;
    const answer = await breaker
      .run(async () => {
        calls++;
        if (outcome === 'fails') throw new UnavailableError('HSM');
        if (outcome === 'is refused') throw new TypeError('bad key');
        return 'signed';
      })
      .catch((error: unknown) => (error instanceof UnavailableError ? error : String(error)));
    return { answer, isAsked: calls > before };
  };
  const wait = (milliseconds: number): void => {
    now += milliseconds;
  };
  return { breaker, changes, call, wait };
}

async function open(subject: ReturnType<typeof openBreaker>): Promise<void> {
  for (let failure = 0; failure < FAILURES_TO_OPEN; failure++) await subject.call('fails');
}

describe('a circuit breaker', () => {
  it('refuses without a call after failures in a row, and says when to come back', async () => {
    const subject = openBreaker();
    await open(subject);
    const { answer, isAsked } = await subject.call('works');
    expect(isAsked).toBe(false);
    expect(answer).toMatchObject({ name: 'UnavailableError', dependency: 'HSM', retryAfter: 1 });
    expect(subject.changes).toEqual([true]);
  });

  it('lets one probe through after the pause, and closes when it works', async () => {
    const subject = openBreaker();
    await open(subject);
    subject.wait(FIRST_PAUSE);
    const [first, second] = await Promise.all([subject.call('works'), subject.call('works')]);
    expect([first.isAsked, second.isAsked]).toEqual([true, false]);
    expect((await subject.call('works')).isAsked).toBe(true);
    expect(subject.changes).toEqual([true, false]);
  });

  it('doubles the pause after each failed probe up to its limit', async () => {
    const subject = openBreaker();
    await open(subject);
    for (let pause = FIRST_PAUSE; pause < 4 * LONGEST_PAUSE; pause *= 2) {
      subject.wait(Math.min(pause, LONGEST_PAUSE) - 1);
      expect((await subject.call('fails')).isAsked).toBe(false);
      subject.wait(1);
      expect((await subject.call('fails')).isAsked).toBe(true);
    }
  });

  it('does not count what is no failure of the dependency', async () => {
    const subject = openBreaker();
    for (let call = 0; call < 3 * FAILURES_TO_OPEN; call++) await subject.call('is refused');
    expect(subject.breaker.isOpen).toBe(false);
  });

  it('is open only after failures in a row, refuses only while open, and always lets a late caller probe', async () => {
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 2 * LONGEST_PAUSE }),
      outcome: fc.constantFrom('works' as const, 'fails' as const, 'is refused' as const),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const subject = openBreaker();
        let inARow = 0;
        for (const { wait, outcome } of steps) {
          subject.wait(wait);
          const wasOpen = subject.breaker.isOpen;
          const { isAsked } = await subject.call(outcome);
          if (!wasOpen || wait >= LONGEST_PAUSE) expect(isAsked).toBe(true);
          if (!isAsked) continue;
          if (outcome === 'fails') inARow++;
          if (outcome === 'works') inARow = 0;
          if (outcome === 'works') expect(subject.breaker.isOpen).toBe(false);
          if (outcome === 'fails') expect(subject.breaker.isOpen).toBe(wasOpen || inARow >= FAILURES_TO_OPEN);
        }
      }),
    );
  });
});
