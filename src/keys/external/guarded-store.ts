import { UnavailableError } from '../../oauth/index.ts';
import type { AuditEvent } from '../../platform/index.ts';
import { KeyRefusedError } from '../key-backend.ts';
import type { JwsSigner } from '../key-ring.ts';
import { createSignatureCheck } from '../signer.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import type { ExternalKeyStore } from './external-key-store.ts';
import { createLimiter } from './limiter.ts';

/** Milliseconds a signature may take, waiting for its turn included. */
export const SIGN_TIMEOUT = 2_000;
/** Milliseconds in which a store makes or deletes a key: an RSA key takes a small HSM a while. */
const CHANGE_TIMEOUT = 60_000;
const DEFAULT_CONCURRENCY = 16;

export interface StoreGuardDeps {
  /** Milliseconds of a clock that never goes back; `performance.now` when left out. */
  readonly monotonic?: () => number;
  readonly report?: (event: AuditEvent) => void;
  /** Milliseconds; `SIGN_TIMEOUT` when left out. */
  readonly signTimeout?: number;
}

/**
 * A store behind a timeout, a limit of calls at once and a circuit breaker, which all its keys share: when an HSM hangs,
 * requests are refused at once instead of piling up. What it throws is `UnavailableError` or `KeyRefusedError`. Every
 * signature is verified before it is used: no token leaves that a fault in between has made worthless.
 */
export function guardKeyStore(store: ExternalKeyStore, deps: StoreGuardDeps = {}): ExternalKeyStore {
  const { monotonic = () => performance.now(), report, signTimeout = SIGN_TIMEOUT } = deps;
  const { name } = store;
  const dependency = `key store ${name}`;
  const limiter = createLimiter(dependency, store.concurrency ?? DEFAULT_CONCURRENCY);
  const breaker = createCircuitBreaker({
    dependency,
    monotonic,
    isFailure: (error) => error instanceof UnavailableError,
    changed: (isOpen) => report?.({ event: isOpen ? 'key.store_unavailable' : 'key.store_recovered', store: name }),
  });

  async function call<T>(timeout: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = AbortSignal.timeout(timeout);
    const either = AbortSignal.any([signal, deadline]);
    // The turn is waited for outside of the breaker: to be many is no fault of the store.
    return await limiter
      .run(
        () =>
          breaker.run(async () => {
            try {
              return await untilAborted(work(either), either);
            } catch (error) {
              if (error instanceof KeyRefusedError || error instanceof UnavailableError) throw error;
              // A caller who gave up says nothing about the store.
              if (signal.aborted && !deadline.aborted) throw new AbandonedError(error);
              throw new UnavailableError(dependency, { cause: error });
            }
          }),
        either,
      )
      .catch((error: unknown) => {
        throw error instanceof AbandonedError ? new UnavailableError(dependency, { cause: error.cause }) : error;
      });
  }

  return {
    name,
    algorithms: store.algorithms,
    create: (order, { signal }) => call(CHANGE_TIMEOUT, signal, (either) => store.create(order, { signal: either })),
    destroy: (id, { signal }) => call(CHANGE_TIMEOUT, signal, (either) => store.destroy(id, { signal: either })),
    async openSigner(id, publicJwk, { signal }) {
      const signer = await call(signTimeout, signal, (either) => store.openSigner(id, publicJwk, { signal: either }));
      const isSignature = createSignatureCheck(publicJwk);
      const sign: JwsSigner['sign'] = (input, options) =>
        call(signTimeout, options.signal, async (either) => {
          const signature = await signer.sign(input, { signal: either });
          if (isSignature(input, signature)) return signature;
          throw new UnavailableError(dependency, { cause: new Error('the signature does not verify') });
        });
      return { kid: signer.kid, alg: signer.alg, publicJwk: signer.publicJwk, isRemote: true, sign };
    },
    close: () => store.close(),
  };
}

/** The caller's own signal ended the call. */
class AbandonedError extends Error {
  override readonly name = 'AbandonedError';

  constructor(cause: unknown) {
    super('the caller gave up', { cause });
  }
}

/** The outcome of `work`, or the signal's reason when it does not come in time: a store may ignore its signal. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
