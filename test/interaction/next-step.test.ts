import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextStep } from '../../src/interaction/next-step.ts';

const NOW = 1_800_000_000;
const prompt = fc.uniqueArray(fc.constantFrom('none', 'login', 'consent', 'select_account'));
const ticket = fc.record(
  { prompt, maxAge: fc.nat(1000), signedIn: fc.constantFrom('sid-1', 'sid-2') },
  { requiredKeys: ['prompt'] },
);
const session = fc.option(
  fc.record({ sid: fc.constantFrom('sid-1', 'sid-2'), authTime: fc.integer({ min: NOW - 2000, max: NOW }) }),
  { nil: undefined },
);

describe('the next step', () => {
  test('is consent only for somebody whose sign-in is as fresh as was asked', () => {
    fc.assert(
      fc.property(ticket, session, (asked, who) => {
        if (nextStep(asked, who, NOW) !== 'consent') return;
        expect(who).toBeDefined();
        if (who === undefined || asked.signedIn === who.sid) return;
        expect(asked.prompt).not.toContain('login');
        expect(asked.prompt).not.toContain('select_account');
        expect(NOW - who.authTime).toBeLessThanOrEqual(asked.maxAge ?? Number.POSITIVE_INFINITY);
      }),
    );
  });

  test('is to sign in wherever a freshness is asked of a session that has none', () => {
    const unknown = { sid: 'sid-1', authTime: NOW, isAuthTimeUnknown: true } as const;
    expect([
      nextStep({ prompt: [], maxAge: 1_000 }, unknown, NOW),
      nextStep({ prompt: [], maxAge: 1_000, signedIn: 'sid-1' }, unknown, NOW),
      nextStep({ prompt: [] }, unknown, NOW),
    ]).toEqual(['sign_in', 'consent', 'consent']);
  });

  test('shows a page exactly when the client did not ask for silence', () => {
    fc.assert(
      fc.property(ticket, session, (asked, who) => {
        const isPage = ['sign_in', 'consent'].includes(nextStep(asked, who, NOW));
        expect(isPage).toBe(!asked.prompt.includes('none'));
      }),
    );
  });

  test('is never to sign in again for the sign-in made for this request: nobody is asked twice', () => {
    fc.assert(
      fc.property(ticket, fc.integer({ min: NOW - 2000, max: NOW }), (asked, authTime) => {
        const step = nextStep({ ...asked, signedIn: 'sid-1' }, { sid: 'sid-1', authTime }, NOW);
        expect(['consent', 'consent_required']).toContain(step);
      }),
    );
  });

  test('is a code only for what was allowed before, and never where the client wants the person asked', () => {
    fc.assert(
      fc.property(ticket, session, fc.boolean(), (asked, who, isRemembered) => {
        const step = nextStep(asked, who, NOW, isRemembered);
        const unremembered = nextStep(asked, who, NOW);
        const wouldAsk = unremembered === 'consent' || unremembered === 'consent_required';
        expect(step).toBe(wouldAsk && isRemembered && !asked.prompt.includes('consent') ? 'code' : unremembered);
      }),
    );
  });
});
