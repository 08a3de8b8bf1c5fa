import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { TokenStore } from '../tokens/index.ts';

/** What the contract needs of a test runner; vitest, node:test, Jest and Mocha all have it. */
export interface TestRunner {
  readonly describe: (name: string, define: () => void) => unknown;
  readonly it: (name: string, run: () => Promise<void>) => unknown;
}

/** A store under test, empty when opened, closed and removed when disposed. */
export interface TokenStoreSubject extends AsyncDisposable {
  readonly store: TokenStore;
  /** The store's clock as it stands. */
  now(): EpochSeconds;
  /** Moves the store's clock forward. A driver whose storage has a clock of its own needs a way to be given one. */
  advance(seconds: Seconds): void | Promise<void>;
  /** A second driver over the same storage, as another process has it; the subject closes it. */
  join?(): Promise<TokenStore>;
  /** Ends every driver without closing it, as a crash does, and opens the storage again. */
  crash?(): Promise<TokenStore>;
}

/** Opens a store for one test. */
export type OpenTokenStore = () => Promise<TokenStoreSubject>;

/** What the storage is; decides which tests there are. */
export interface TokenStoreTraits {
  /** Whether several processes can share the storage: the subject has `join`. */
  readonly isShared: boolean;
  /** Whether answers outlive the process: the subject has `crash`. */
  readonly isDurable: boolean;
}
