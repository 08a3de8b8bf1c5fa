import type { KeyObject } from 'node:crypto';
import type { EpochSeconds, Seconds } from '../oauth/index.ts';

/** What a key is for. `signing` is asymmetric and published; the others are 32-byte secrets and never leave. */
export type KeyFamily = 'signing' | 'sealing' | 'client' | 'refresh';

/** The families of secret keys. */
export type SecretFamily = Exclude<KeyFamily, 'signing'>;

/** `alg` of a signing key (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9964). */
export type SigningAlg = 'ES256' | 'ES384' | 'EdDSA' | 'RS256' | 'PS256' | 'ML-DSA-44';

/**
 * Which JWK Set a key is published in. Keys of type `AKP` (RFC 9964) have one of their own: some consumers that do not know
 * the type refuse a whole set for one of them.
 */
export type JwkSetKind = 'classical' | 'post-quantum';

/** A public key as JWK (RFC 7517), with `kid`, `alg` and `use` always there. */
export interface PublicJwk {
  readonly kty: string;
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly use: 'sig';
  readonly [member: string]: unknown;
}

/**
 * A key that signs. The compact JWS around the signature is built by the caller, so the key may live anywhere (file,
 * HSM, KMS).
 */
export interface JwsSigner {
  /** RFC 7638 SHA-256 thumbprint of the public key. */
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly publicJwk: PublicJwk;
  /** Whether the key is elsewhere, so that a signature may not be had now: who spends something for one signs first. */
  readonly isRemote?: boolean;
  /**
   * The signature of `input` in JOSE form (for ES256 r‖s, RFC 7518 §3.4).
   * @throws UnavailableError when the key cannot be used now.
   */
  sign(input: Uint8Array, options: { signal: AbortSignal }): Uint8Array | Promise<Uint8Array>;
}

/** A 32-byte secret key of one family. */
export interface SecretKey {
  readonly kid: string;
  readonly family: SecretFamily;
  readonly secret: KeyObject;
}

/** Where a key stands; computed from its times, never stored. */
export type KeyState = 'pending' | 'next' | 'active' | 'retiring' | 'removed' | 'revoked';

/** The times of a key's life, in epoch seconds, in this order. */
export interface KeyTimes {
  readonly createdAt: EpochSeconds;
  /** From here on it is in the JWK Set. */
  readonly publishAt: EpochSeconds;
  /** From here on it may sign. */
  readonly activateAt: EpochSeconds;
  /** From here on it only verifies. */
  readonly retireAt: EpochSeconds;
  /** From here on it is gone. */
  readonly removeAt: EpochSeconds;
  /** When an operator took it out of service. */
  readonly revokedAt?: EpochSeconds;
  /** When its private half (or its secret) was deleted; from then on it cannot come into force again. */
  readonly destroyedAt?: EpochSeconds;
}

/** What is known about a key without opening it. */
export interface KeyRecord extends KeyTimes {
  readonly kid: string;
  readonly family: KeyFamily;
  readonly alg: string;
  readonly publicJwk?: PublicJwk;
}

/** The JWK Set as it is served (RFC 7517 §5). */
export interface JwkSetDocument {
  readonly body: string;
  /** Strong entity tag, quoted. */
  readonly etag: string;
  /** Seconds a cache may keep it: shorter when a change is near. */
  readonly maxAge: Seconds;
}

/**
 * The keys in force at this moment. Every instance that reads the same folder computes the same answers, without a
 * leader.
 */
export interface KeyRing {
  /** The signing key in force: the latest `activateAt` that has come, ties to the lowest kid. @throws UnavailableError */
  signer(): JwsSigner;
  /** The public key for a kid, as long as tokens signed with it may be met: next, active or retiring. */
  findPublicJwk(kid: string): PublicJwk | undefined;
  /** The secret in force for a family. @throws UnavailableError */
  activeSecret(family: SecretFamily): SecretKey;
  /** A secret that may open or verify: active, retiring, or next (an instance whose clock is ahead may use it already). */
  findSecret(family: SecretFamily, kid: string): SecretKey | undefined;
  /** Every secret of a family that may open or verify, the active one first. */
  secrets(family: SecretFamily): readonly SecretKey[];
  /** The JWK Set of one kind; the classical one when left out. */
  jwkSet(kind?: JwkSetKind): JwkSetDocument;
  /** Every key that was readable, with its state now and the times in force (see `settle`), oldest first. */
  list(): readonly (KeyRecord & { readonly state: KeyState })[];
  /** Reads the folder again and creates what is due. Never throws for a bad file: it is audited and left out. */
  reload(): Promise<void>;
  close(): Promise<void>;
}
