import { describe, expect, it } from 'vitest';
import { FAILURES_TO_OPEN, FIRST_PAUSE } from '../../../src/keys/external/circuit-breaker.ts';
import { guardKeyStore } from '../../../src/keys/external/guarded-store.ts';
import { createLimiter } from '../../../src/keys/external/limiter.ts';
import { toPublicJwk } from '../../../src/keys/key-material.ts';
import { UnavailableError } from '../../../src/oauth/index.ts';
import { createMemoryKeyStore } from '../../support/memory-key-store.ts';

const FOREVER = new AbortController().signal;
const INPUT = Buffer.from('a.b');

async function openGuarded(signTimeout?: number) {
  const store = createMemoryKeyStore();
  const events: string[] = [];
  let now = 0;
  const guarded = guardKeyStore(store, {
    monotonic: () => now,
    report: ({ event }) => events.push(event),
    ...(signTimeout !== undefined && { signTimeout }),
  });
  const { id, publicJwk } = await guarded.create({ alg: 'ES256', label: 'x' }, { signal: FOREVER });
  const signer = await guarded.openSigner(id, await toPublicJwk(publicJwk, 'ES256'), { signal: FOREVER });
  store.calls.length = 0;
  const wait = (milliseconds: number): void => {
    now += milliseconds;
  };
  const sign = async (signal = FOREVER) => await signer.sign(INPUT, { signal });
  return { store, guarded, signer, events, id, sign, wait };
}

describe('a guarded key store', () => {
  it('ends a signature that takes too long, and after some of them asks no more', async () => {
    const { store, sign, events } = await openGuarded(5);
    store.mode = 'silent';
    for (let call = 0; call < FAILURES_TO_OPEN; call++) await expect(sign()).rejects.toThrow(UnavailableError);
    expect(store.calls).toHaveLength(FAILURES_TO_OPEN);
    await expect(sign()).rejects.toThrow(UnavailableError);
    expect(store.calls).toHaveLength(FAILURES_TO_OPEN);
    expect(events).toEqual(['key.store_unavailable']);
  });

  it('signs again with the probe after the store came back, without being opened anew', async () => {
    const { store, sign, events, wait } = await openGuarded();
    store.mode = 'away';
    for (let call = 0; call < FAILURES_TO_OPEN; call++) await expect(sign()).rejects.toThrow(UnavailableError);
    store.mode = 'here';
    await expect(sign()).rejects.toThrow(UnavailableError);
    wait(FIRST_PAUSE);
    expect(await sign()).toHaveLength(64);
    expect(events).toEqual(['key.store_unavailable', 'key.store_recovered']);
  });

  it('does not take a caller who gives up for a fault of the store', async () => {
    const { store, sign } = await openGuarded();
    store.mode = 'silent';
    for (let call = 0; call < 2 * FAILURES_TO_OPEN; call++) {
      await expect(sign(AbortSignal.timeout(1))).rejects.toThrow(UnavailableError);
    }
    store.mode = 'here';
    expect(await sign()).toHaveLength(64);
  });

  it('passes on that a key is missing, which is no outage', async () => {
    const { store, guarded, id, signer } = await openGuarded();
    store.keys.clear();
    for (let call = 0; call < 2 * FAILURES_TO_OPEN; call++) {
      await expect(guarded.openSigner(id, signer.publicJwk, { signal: FOREVER })).rejects.toMatchObject({
        name: 'KeyRefusedError',
        reason: 'object_missing',
      });
    }
  });

  it('turns whatever a store throws into an outage that keeps its cause to itself', async () => {
    const { store, guarded } = await openGuarded();
    store.destroy = () => Promise.reject(new Error('socket hang up'));
    await expect(guarded.destroy('x', { signal: FOREVER })).rejects.toMatchObject({
      name: 'UnavailableError',
      message: 'key store memory is unavailable',
    });
  });
});

describe('a limiter', () => {
  it('runs as many at once as it has places, all of them in turn', async () => {
    const limiter = createLimiter('HSM', 3);
    let running = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    };
    await Promise.all(Array.from({ length: 50 }, () => limiter.run(work, FOREVER)));
    expect(most).toBe(3);
    expect(running).toBe(0);
  });

  it('lets nobody wait for long in a row that cannot be served, nor keeps the place of who left', async () => {
    const limiter = createLimiter('HSM', 1);
    const { promise: stuck, resolve: finish } = Promise.withResolvers<void>();
    const first = limiter.run(() => stuck, FOREVER);
    const gone = new AbortController();
    const left = limiter.run(async () => 'never', gone.signal);
    const rest = Array.from({ length: 64 }, () => limiter.run(async () => 'served', FOREVER));
    const outcome = Promise.allSettled([left, ...rest]);
    gone.abort();
    finish();
    await first;
    const [leaver, ...others] = await outcome;
    expect(leaver?.status).toBe('rejected');
    expect(others.filter(({ status }) => status === 'fulfilled')).toHaveLength(63);
    expect(await limiter.run(async () => 'served', FOREVER)).toBe('served');
  });
});
