import type { JsonObject } from '../../oauth/index.ts';
import type { JwsSigner, PublicJwk, SigningAlg } from '../key-ring.ts';

/** Where the private half of a signing key is when it is not in its file. */
export interface ExternalKey {
  /** The `name` of the store that has it. */
  readonly store: string;
  /** What the store calls it. */
  readonly id: string;
}

/** The key that a store is asked to make. */
export interface ExternalKeyOrder {
  readonly alg: SigningAlg;
  /** What people are shown where the store lists its keys: `guardmint signing-ES256-3`. */
  readonly label: string;
}

/** A key that a store made. */
export interface MadeExternalKey {
  readonly id: string;
  /** The members of the public key as JWK (RFC 7517): `kty` and what belongs to it. Others are ignored. */
  readonly publicJwk: JsonObject;
}

/**
 * A place that makes private signing keys, signs with them and never gives them out: an HSM, a key management service.
 * Times, public halves and the exclusive creation are not its business; the folder of keys has them
 * (`createExternalKeyBackend`). Timeouts, limits and the circuit breaker are put around it, so a method may simply wait.
 *
 * Any method throws `UnavailableError` when the place cannot be reached, or refuses us as a whole (sealed, PIN, rights).
 */
export interface ExternalKeyStore {
  /** Recorded with every key that is made here, so it never changes: lower-case letters, digits and hyphens. */
  readonly name: string;
  readonly algorithms: readonly SigningAlg[];
  /** How many calls may be under way at once; 16 when left out. */
  readonly concurrency?: number;
  /** Makes a key whose private half cannot be read out. It is durable when answered. */
  create(order: ExternalKeyOrder, options: { signal: AbortSignal }): Promise<MadeExternalKey>;
  /**
   * Signs with the key; the answer is in JOSE form (RFC 7518 §3.4 for ECDSA).
   * @throws KeyRefusedError with the reason `object_missing` when there is no such key.
   */
  openSigner(id: string, publicJwk: PublicJwk, options: { signal: AbortSignal }): Promise<JwsSigner>;
  /** Deletes the key for good, or has it deleted after the time that the place insists on. Idempotent. */
  destroy(id: string, options: { signal: AbortSignal }): Promise<void>;
  close(): Promise<void>;
}
