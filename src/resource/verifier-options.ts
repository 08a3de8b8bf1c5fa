import { canonicalResource, type ScopeHierarchy, type Seconds } from '../oauth/index.ts';
import type { Clock } from './clock.ts';
import { isTrustworthyUrl } from './fetch-json.ts';
import { findJwksUri } from './issuer-metadata.ts';
import { DEFAULT_ALGORITHMS, isJwsAlgorithmName, type JwsAlgorithmName } from './jws-algorithm.ts';
import { createFixedKeys, type KeySource } from './key-source.ts';
import { createRemoteKeys } from './remote-keys.ts';
import type { RevocationSource } from './revocation-source.ts';

/** How access tokens are verified. */
export interface VerifierOptions {
  /** The issuer identifier, byte for byte as in `iss`. */
  readonly issuer: string;
  /** The resource identifier of this server: what `aud` must name. */
  readonly resource: string;
  /** `alg` values that are accepted, each with keys of its own only. */
  readonly algorithms?: readonly JwsAlgorithmName[];
  /** A JWK Set, or the URL of one. Without it the issuer's metadata is asked (RFC 8414). */
  readonly jwks?: { readonly keys: readonly unknown[] } | string;
  /** Knows revoked tokens; `false` for none. */
  readonly revocations?: RevocationSource | false;
  /** What to do while revocations are `stale`: `accept` tokens until they expire, or answer `unavailable`. */
  readonly onStale?: 'accept' | 'unavailable';
  /** Scope name → names it contains. */
  readonly implies?: ScopeHierarchy;
  /** Epoch seconds. */
  readonly clock?: Clock;
  /** How far this clock and the issuer's may differ, in seconds. */
  readonly clockTolerance?: Seconds;
  /** How many verified tokens are remembered; 0 for none. */
  readonly cacheSize?: number;
  /** Stand-in for the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
  /** How long one fetch may take, in seconds. */
  readonly fetchTimeout?: Seconds;
}

/** Refuses settings that cannot work. @throws TypeError */
export function checkOptions(options: VerifierOptions): void {
  const { issuer, resource, jwks, algorithms = DEFAULT_ALGORITHMS, clockTolerance = 5 } = options;
  if (typeof issuer !== 'string' || issuer === '') throw new TypeError('issuer: the issuer identifier, a URL');
  if (typeof resource !== 'string' || canonicalResource(resource) === undefined)
    throw new TypeError('resource: an absolute http or https URL without fragment');
  if (algorithms.length === 0 || !algorithms.every((alg) => isJwsAlgorithmName(alg)))
    throw new TypeError('algorithms: one or more asymmetric JWS algorithms');
  if (!(clockTolerance >= 0 && clockTolerance <= 300)) throw new TypeError('clockTolerance: 0 to 300 seconds');
  if (typeof jwks === 'string' && !isTrustworthyUrl(jwks))
    throw new TypeError('jwks: an https URL, or http on this machine');
  if (jwks === undefined && !isTrustworthyUrl(issuer))
    throw new TypeError('issuer: an https URL, or http on this machine, where the keys are not given');
}

/** The keys the options name: a set at hand, the set at a URL, or the one of the issuer's metadata. */
export function createKeySource(options: VerifierOptions, onKeyGone: () => void): KeySource {
  const { issuer, jwks, fetch = globalThis.fetch, fetchTimeout = 5 } = options;
  if (typeof jwks === 'object') return createFixedKeys(jwks);
  return createRemoteKeys({
    locate: (fetcher) => (jwks === undefined ? findJwksUri(issuer, fetcher) : Promise.resolve(jwks)),
    fetch,
    timeout: fetchTimeout,
    onKeyGone,
  });
}
