import { UnavailableError } from '../../oauth/index.ts';

/** Keeps calls from something that keeps failing, so that it is neither waited for nor held under. */
export interface CircuitBreaker {
  /**
   * Does the work, or refuses at once while the circuit is open.
   * @throws UnavailableError without having called `work`.
   */
  run<T>(work: () => Promise<T>): Promise<T>;
  readonly isOpen: boolean;
}

export interface CircuitBreakerDeps {
  /** What is protected, for the error. */
  readonly dependency: string;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  /** Whether an error says that the dependency is in trouble; any other leaves the circuit as it is. */
  readonly isFailure: (error: unknown) => boolean;
  /** Told when the circuit opens (also again, after a probe) and when it closes. */
  readonly changed?: (isOpen: boolean) => void;
}

/** Failures in a row after which the circuit opens. */
export const FAILURES_TO_OPEN = 5;
/** Milliseconds until the first probe; doubled after each that fails. */
export const FIRST_PAUSE = 1_000;
export const LONGEST_PAUSE = 30_000;

/**
 * Closed, open or half open: after failures in a row it opens; after a pause one call goes through as a probe while the
 * others are still refused, and its outcome closes the circuit or doubles the pause.
 */
export function createCircuitBreaker(deps: CircuitBreakerDeps): CircuitBreaker {
  const { dependency, monotonic, isFailure, changed } = deps;
  let failures = 0;
  let pause = FIRST_PAUSE;
  let openUntil: number | undefined;
  let isProbing = false;

  function refuse(): UnavailableError {
    const rest = Math.max(0, (openUntil ?? 0) - monotonic());
    return new UnavailableError(dependency, { retryAfter: Math.max(1, Math.ceil(rest / 1000)) });
  }

  function succeed(): void {
    failures = 0;
    pause = FIRST_PAUSE;
    if (openUntil === undefined) return;
    openUntil = undefined;
    changed?.(false);
  }

  function fail(isProbe: boolean): void {
    failures++;
    if (isProbe) pause = Math.min(LONGEST_PAUSE, pause * 2);
    // What was under way when the circuit opened says nothing new.
    if (!isProbe && (openUntil !== undefined || failures < FAILURES_TO_OPEN)) return;
    openUntil = monotonic() + pause;
    if (!isProbe) changed?.(true);
  }

  return {
    get isOpen() {
      return openUntil !== undefined;
    },
    async run(work) {
      const isProbe = openUntil !== undefined;
      if (isProbe && (isProbing || monotonic() < (openUntil ?? 0))) throw refuse();
      if (isProbe) isProbing = true;
      try {
        const result = await work();
        // A call from before the circuit opened is no proof that it may close.
        if (isProbe || openUntil === undefined) succeed();
        return result;
      } catch (error) {
        if (isFailure(error)) fail(isProbe);
        throw error;
      } finally {
        if (isProbe) isProbing = false;
      }
    },
  };
}
