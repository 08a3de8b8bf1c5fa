import type { EpochSeconds } from '../oauth/index.ts';

/** Something that may be used once: the `jti` of a code, an assertion, a consent form or an answer of another provider. */
export interface OneTimeMarker {
  /** What the id belongs to, so that two kinds never collide. */
  readonly kind: 'code' | 'assertion' | 'consent' | 'dpop' | 'upstream';
  readonly id: string;
  /** The family a code may begin, so that a driver can keep the two in one place. Every use of one code names the same. */
  readonly familyId?: string;
  /** From here on the thing is refused for its age and the marker may be forgotten. */
  readonly expiresAt: EpochSeconds;
}

/** Where spent things are remembered. */
export interface OneTimeStore {
  /**
   * Spends the marker. Atomic: of any number of concurrent calls with one kind and id exactly one answers `first`.
   * A marker that has ended by the store's clock answers `again`: it may have been forgotten already, and clocks differ.
   * An answer is durable: it holds after a crash.
   * @throws UnavailableError when the store cannot answer; the marker may then be spent or not, and nothing may be accepted.
   */
  consumeOnce(marker: OneTimeMarker): Promise<'first' | 'again'>;
}
