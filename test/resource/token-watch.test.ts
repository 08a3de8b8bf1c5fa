import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { AccessToken, TokenEnd, Verifier, VerifierOptions } from '../../src/resource/index.ts';
import { testSigner } from '../support/keys.ts';
import { createTestClock, forge, NOW, verifierOf } from './issuer.ts';
import { createTimedVerifier, startRevocationIssuer } from './revocation-issuer.ts';

const WAIT = { timeout: 20_000, interval: 5 };

afterEach(() => void vi.useRealTimers());

async function verified(verifier: Verifier, token: string): Promise<AccessToken> {
  const accessToken = await verifier.loadAccessToken(token);
  if (accessToken === undefined) throw new Error('the token is not valid');
  return accessToken;
}

/** What a watch was told. */
function watched(verifier: Verifier, accessToken: AccessToken): { ends: TokenEnd[]; stop: () => void } {
  const ends: TokenEnd[] = [];
  return { ends, stop: verifier.watch(accessToken, (end) => ends.push(end)) };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the end of a token that is waited for', () => {
  test.each([
    ['without tolerance', 0, 600],
    ['with tolerance', 5, 606],
  ])('is told at the moment from which it is refused, %s [RS-19]', async (_title, clockTolerance, seconds) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const clock = createTestClock();
    using verifier = verifierOf([testSigner()], { clock: clock.read, clockTolerance });
    const token = forge({ claims: { exp: NOW + 600 } });
    const { ends } = watched(verifier, await verified(verifier, token));

    clock.now = NOW + seconds - 1;
    vi.advanceTimersByTime((seconds - 1) * 1000);
    await turn();
    expect([ends, await verifier.loadAccessToken(token)]).toEqual([[], expect.anything()]);

    clock.now = NOW + seconds;
    vi.advanceTimersByTime(1000);
    await turn();
    expect([ends, await verifier.loadAccessToken(token)]).toEqual([['expired'], undefined]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is waited for again where the clock is behind the timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const clock = createTestClock();
    using verifier = verifierOf([testSigner()], { clock: clock.read, clockTolerance: 0 });
    const { ends } = watched(verifier, await verified(verifier, forge({ claims: { exp: NOW + 600 } })));

    clock.now = NOW + 590;
    vi.advanceTimersByTime(600_000);
    await turn();
    expect(ends).toEqual([]);

    clock.now = NOW + 600;
    vi.advanceTimersByTime(10_000);
    await turn();
    expect(ends).toEqual(['expired']);
  });

  test('may be further away than a timer reaches', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const clock = createTestClock();
    const year = 365 * 86_400;
    using verifier = verifierOf([testSigner()], { clock: clock.read, clockTolerance: 0 });
    const { ends } = watched(verifier, await verified(verifier, forge({ claims: { exp: NOW + year } })));
    const days = async (count: number) => {
      for (let day = 0; day < count; day++) {
        clock.now += 86_400;
        vi.advanceTimersByTime(86_400_000);
      }
      await turn();
    };

    await days(364);
    expect(ends).toEqual([]);

    await days(1);
    expect(ends).toEqual(['expired']);
  });

  test('is told once and not before the watch has begun, where it has come already', async () => {
    const clock = createTestClock();
    using verifier = verifierOf([testSigner()], { clock: clock.read });
    const accessToken = await verified(verifier, forge());
    clock.now = NOW + 1000;

    const { ends } = watched(verifier, accessToken);

    expect(ends).toEqual([]);
    await turn();
    expect(ends).toEqual(['expired']);
  });

  test('is not told to who has stopped, in the last moment neither', async () => {
    const clock = createTestClock();
    using verifier = verifierOf([testSigner()], { clock: clock.read });
    const accessToken = await verified(verifier, forge());
    clock.now = NOW + 1000;

    const { ends, stop } = watched(verifier, accessToken);
    stop();
    await turn();

    expect(ends).toEqual([]);
  });

  test('leaves the process free to end', async () => {
    const script = `
      import { createVerifier } from ${JSON.stringify(new URL('../../src/resource/index.ts', import.meta.url).href)};
      const jwks = { keys: [${JSON.stringify(testSigner().publicJwk)}] };
      const token = ${JSON.stringify(forge())};
      const { iss: issuer, aud: resource } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
      const verifier = createVerifier({ issuer, resource, jwks, clock: () => ${NOW} });
      verifier.watch(await verifier.loadAccessToken(token), () => {});
      console.log('waiting');
    `;

    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);

    expect(stdout).toBe('waiting\n');
  });
});

describe('a revocation', () => {
  test.each([
    ['jti', (token: AccessToken) => token.jti],
    ['grant', (token: AccessToken) => token.grantId ?? ''],
    ['subject', (token: AccessToken) => token.subject],
    ['key', () => testSigner().kid],
  ] as const)('of a %s ends what it names, when it is heard of [RS-19]', async (kind, idOf) => {
    await using issuer = await startRevocationIssuer();
    const { verifier } = createTimedVerifier(issuer);
    using _ = verifier;
    issuer.signers = [testSigner(), testSigner('ES256', 'two')];
    const mine = await verified(verifier, issuer.token({ sub: 'alice' }));
    const other = await verified(verifier, issuer.token({ sub: 'bob' }, testSigner('ES256', 'two')));
    const [ended, kept] = [watched(verifier, mine), watched(verifier, other)];

    await issuer.deny(idOf(mine), kind);

    await vi.waitFor(() => expect(ended.ends).toEqual(['revoked']), WAIT);
    expect([kept.ends, await verifier.loadAccessToken(mine.token)]).toEqual([[], undefined]);
    kept.stop();
  });

  test('that is there already ends a watch that begins', async () => {
    await using issuer = await startRevocationIssuer();
    const { verifier } = createTimedVerifier(issuer);
    using _ = verifier;
    const accessToken = await verified(verifier, issuer.token());
    await issuer.deny(accessToken.jti);
    await vi.waitFor(async () => expect(await verifier.loadAccessToken(accessToken.token)).toBeUndefined(), WAIT);

    const { ends } = watched(verifier, accessToken);
    await turn();

    expect(ends).toEqual(['revoked']);
  });

  test('that is one of others wakes no watch that has stopped', async () => {
    await using issuer = await startRevocationIssuer();
    const { verifier } = createTimedVerifier(issuer);
    using _ = verifier;
    const accessToken = await verified(verifier, issuer.token());
    const [stopped, waiting] = [watched(verifier, accessToken), watched(verifier, accessToken)];
    stopped.stop();

    await issuer.deny(accessToken.jti);

    await vi.waitFor(() => expect(waiting.ends).toEqual(['revoked']), WAIT);
    expect(stopped.ends).toEqual([]);
  });
});

describe('many revocations', () => {
  test('are looked at at once and then together, and no more once nobody waits', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const listeners = new Set<() => void>();
    const looked: string[] = [];
    let denied = '';
    using verifier = verifierOf([testSigner()], {
      revocations: {
        isDenied: ({ jti }) => {
          looked.push(jti);
          return jti === denied;
        },
        version: () => 0,
        watch: (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
        state: () => ({ freshness: 'fresh', entries: 0 }),
        close: () => undefined,
      },
    });
    const change = () => {
      for (const listener of [...listeners]) listener();
    };
    const [one, two] = [
      watched(verifier, await verified(verifier, forge({ claims: { jti: 'one' } }))),
      watched(verifier, await verified(verifier, forge({ claims: { jti: 'two' } }))),
    ];
    looked.length = 0;

    for (let count = 0; count < 100; count++) change();
    denied = 'two';
    expect(looked).toEqual(['one', 'two']);
    vi.advanceTimersByTime(50);
    expect(looked).toEqual(['one', 'two', 'one', 'two']);
    await turn();
    expect([one.ends, two.ends, listeners.size]).toEqual([[], ['revoked'], 1]);

    vi.advanceTimersByTime(50);
    change();
    expect(looked.slice(4)).toEqual(['one']);
    one.stop();
    vi.advanceTimersByTime(50);
    expect([listeners.size, vi.getTimerCount()]).toEqual([0, 0]);
  });
});

describe('revocations that nobody has heard of for long', () => {
  /** A source whose freshness the test says. */
  function sourceOf(freshness: { now: 'fresh' | 'stale' }): NonNullable<VerifierOptions['revocations']> {
    return {
      isDenied: () => false,
      version: () => 0,
      state: () => ({ freshness: freshness.now, entries: 0 }),
      close: () => undefined,
    };
  }

  test.each([
    ['unavailable', ['unknown']],
    ['accept', []],
  ] as const)('with onStale: %s end %j', async (onStale, expected) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const freshness: { now: 'fresh' | 'stale' } = { now: 'fresh' };
    using verifier = verifierOf([testSigner()], { onStale, revocations: sourceOf(freshness) });
    const { ends, stop } = watched(verifier, await verified(verifier, forge()));
    vi.advanceTimersByTime(60_000);
    await turn();
    expect(ends).toEqual([]);

    freshness.now = 'stale';
    vi.advanceTimersByTime(15_000);
    await turn();

    expect(ends).toEqual(expected);
    stop();
  });
});
