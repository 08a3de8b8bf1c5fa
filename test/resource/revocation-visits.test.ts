import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createVerifier, UnavailableError, type Verifier, type VerifierOptions } from '../../src/resource/index.ts';
import { RESOURCE } from './issuer.ts';
import { type RevocationIssuer, startProxy, startRevocationIssuer } from './revocation-issuer.ts';

vi.mock('../../src/resource/runtime/node-module.ts', () => import('./web-standards/without-node.ts'));

// How long a token is patient is for the test to say, however busy the machine is.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

function visitor(issuer: RevocationIssuer, options: Partial<VerifierOptions> = {}): Verifier {
  return createVerifier({ issuer: issuer.issuer, resource: RESOURCE, clock: issuer.now, ...options });
}

const lists = (asked: readonly string[]) => asked.filter((url) => url.startsWith('/revocations')).length;

describe('where nothing works between requests', () => {
  test('the first token waits for the list, and the next ones ask again when it is five seconds old', async () => {
    await using issuer = await startRevocationIssuer();
    using verifier = visitor(issuer);
    const token = issuer.token({ jti: 'mine' });
    const seen: [boolean, number][] = [];

    for (const seconds of [0, 4, 1, 4, 1]) {
      issuer.clock.now += seconds;
      if (seen.length === 1) await issuer.deny('mine');
      seen.push([(await verifier.loadAccessToken(token)) !== undefined, lists(issuer.asked)]);
    }

    expect(seen).toEqual([
      [true, 1],
      [true, 1],
      [false, 2],
      [false, 2],
      [false, 3],
    ]);
    expect(verifier.state().revocations).toMatchObject({ freshness: 'fresh', entries: 1 });
    expect(issuer.asked.some((url) => url.includes('/stream'))).toBe(false);
  });

  test('with waitUntil a token waits only for a list that is fifteen seconds old', async () => {
    await using issuer = await startRevocationIssuer();
    const work: Promise<unknown>[] = [];
    using verifier = visitor(issuer, { waitUntil: (promise) => work.push(promise) });
    const token = issuer.token({ jti: 'mine' });
    await verifier.loadAccessToken(token);
    await issuer.deny('mine');
    issuer.clock.now += 5;

    const meanwhile = await verifier.loadAccessToken(token);
    await Promise.all(work);
    const next = await verifier.loadAccessToken(token);

    expect([meanwhile?.jti, next]).toEqual(['mine', undefined]);
    expect(work).toHaveLength(2);
  });

  test('with waitUntil a token does wait for a list that is older', async () => {
    await using issuer = await startRevocationIssuer();
    using verifier = visitor(issuer, { waitUntil: () => undefined });
    const token = issuer.token({ jti: 'mine' });
    await verifier.loadAccessToken(token);
    await issuer.deny('mine');
    issuer.clock.now += 15;

    expect(await verifier.loadAccessToken(token)).toBeUndefined();
  });

  test('many tokens at once share one question', async () => {
    await using issuer = await startRevocationIssuer();
    using verifier = visitor(issuer);

    const answers = await Promise.all(Array.from({ length: 20 }, () => verifier.loadAccessToken(issuer.token())));

    expect(answers.every((answer) => answer !== undefined)).toBe(true);
    expect(lists(issuer.asked)).toBe(1);
  });

  test('an issuer that cannot be asked is asked ever more rarely, and tokens are judged by what is known', async () => {
    await using issuer = await startRevocationIssuer();
    await using proxy = await startProxy(issuer.issuer);
    const jwks = `${issuer.issuer}/.well-known/jwks.json`;
    const places = { jwks, revocations: `${proxy.origin}/revocations` };
    using accepting = visitor(issuer, places);
    using strict = visitor(issuer, { ...places, onStale: 'unavailable' });
    const denied = issuer.token({ jti: 'denied' });
    await issuer.deny('denied');
    await accepting.loadAccessToken(denied);
    proxy.mode = 'unavailable';
    issuer.clock.now += 61;
    const before = proxy.asked.length;
    const asked: number[] = [];

    for (let second = 0; second < 20; second++) {
      expect(await accepting.loadAccessToken(issuer.token())).toBeDefined();
      expect(await accepting.loadAccessToken(denied)).toBeUndefined();
      if (proxy.asked.length > before + asked.length) asked.push(second);
      issuer.clock.now += 1;
    }

    expect(asked).toEqual([0, 1, 3, 7, 15]);
    expect(accepting.state().revocations?.freshness).toBe('stale');
    await expect(strict.loadAccessToken(issuer.token())).rejects.toThrow(UnavailableError);
  });

  test('what was begun by a request that is gone is begun again, and nobody waits for it for long', async () => {
    await using issuer = await startRevocationIssuer();
    const gone = Promise.withResolvers<never>();
    let isGone = true;
    const list = `${issuer.issuer}/revocations`;
    using verifier = visitor(issuer, {
      jwks: `${issuer.issuer}/.well-known/jwks.json`,
      revocations: list,
      fetch: (input, init) => (isGone && String(input).startsWith(list) ? gone.promise : fetch(input, init)),
    });
    await issuer.deny('mine');
    const token = issuer.token({ jti: 'mine' });

    const patient = async () => {
      const answer = verifier.loadAccessToken(token);
      await vi.advanceTimersByTimeAsync(1_000);
      return answer;
    };

    const first = await patient();
    isGone = false;
    issuer.clock.now += 9;
    const second = await patient();
    issuer.clock.now += 1;
    const third = await verifier.loadAccessToken(token);

    expect([first?.jti, second?.jti, third]).toEqual(['mine', 'mine', undefined]);
  });

  test('keys are looked after the same way: the token that finds them old waits for the new set', async () => {
    await using issuer = await startRevocationIssuer({ feed: false });
    using verifier = visitor(issuer);
    const token = issuer.token();
    await verifier.loadAccessToken(token);
    issuer.signers = [];
    issuer.clock.now += 300;
    const sets = () => issuer.asked.filter((url) => url.includes('jwks')).length;

    await verifier.loadAccessToken(token);

    expect(sets()).toBe(2);
    expect(verifier.state().keys).toMatchObject({ status: 'old', failures: 1 });
    expect(verifier.state().revocations?.freshness).toBe('absent');
  });
});
