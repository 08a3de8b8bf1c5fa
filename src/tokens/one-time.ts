import type { EpochSeconds } from '../oauth/index.ts';

/** Something that may be used once: the `jti` of a code, an assertion or a consent form. */
export interface OneTimeMarker {
  /** What the id belongs to, so that two kinds never collide. */
  readonly kind: 'code' | 'assertion' | 'consent' | 'dpop';
  readonly id: string;
  /** From here on the thing is refused for its age and the marker may be forgotten. */
  readonly expiresAt: EpochSeconds;
}

/** Where spent things are remembered. */
export interface OneTimeStore {
  /**
   * Spends the marker. Atomic: of any number of concurrent calls with one kind and id exactly one answers `first`.
   * An answer is durable: it holds after a crash.
   * @throws UnavailableError when the store cannot answer; the marker may then be spent or not, and nothing may be accepted.
   */
  consumeOnce(marker: OneTimeMarker): Promise<'first' | 'again'>;
}
