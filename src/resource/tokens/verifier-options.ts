import { canonicalResource, type ScopeHierarchy, type Seconds } from '../../oauth/index.ts';
import { combineKeySources } from '../keys/combined-keys.ts';
import {
  createIssuerMetadata,
  type IssuerMetadata,
  readJwksUri,
  readPostQuantumJwksUri,
  readRevocationPlaces,
} from '../keys/issuer-metadata.ts';
import { createFixedKeys, type KeySource } from '../keys/key-source.ts';
import { createRemoteKeys } from '../keys/remote-keys.ts';
import { canVerify } from '../keys/verification-key.ts';
import type { DpopOptions } from '../requests/dpop.ts';
import { createDocumentReader } from '../revocations/revocation-document.ts';
import { createRevocationFeed } from '../revocations/revocation-feed.ts';
import type { RevocationSource } from '../revocations/revocation-source.ts';
import { createBackground } from '../runtime/background.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { isTrustworthyUrl, type JsonFetcher, systemFetch } from '../runtime/fetch-json.ts';
import { isProcess } from '../runtime/node-module.ts';
import { createUrlOpener } from '../runtime/open-url.ts';
import type { IssuerProfile } from './issuer-profile.ts';
import { DEFAULT_ALGORITHMS, isJwsAlgorithmName, type JwsAlgorithmName, jwsAlgorithm } from './jws-algorithm.ts';

/** How access tokens are verified. */
export interface VerifierOptions {
  /** The issuer identifier, byte for byte as in `iss`. */
  readonly issuer: string;
  /** The resource identifier of this server: what `aud` must name, unless `audience` says otherwise. */
  readonly resource: string;
  /**
   * What `aud` must name instead, one of them and character for character, where the issuer knows this server by another name
   * than its resource identifier.
   */
  readonly audience?: string | readonly string[];
  /** What the tokens of the issuer look like; by default as RFC 9068 has it. */
  readonly profile?: IssuerProfile;
  /**
   * `alg` values that are accepted, each with keys of its own only. `ML-DSA-44` has to be named; then the issuer's second JWK
   * Set is read too (`post_quantum_jwks_uri` of its metadata), unless `jwks` is given.
   */
  readonly algorithms?: readonly JwsAlgorithmName[];
  /** A JWK Set, or the URL of one. Without it the issuer's metadata is asked (RFC 8414, OpenID Connect Discovery). */
  readonly jwks?: { readonly keys: readonly unknown[] } | string;
  /**
   * Where revocations are heard of: the URL of the list (its stream is at `/stream` below), or what knows them; `false` for
   * nowhere. Absent: where the issuer's metadata says, unless `jwks` is given.
   */
  readonly revocations?: RevocationSource | string | false;
  /** What to do while revocations are `stale`: `accept` tokens until they expire, or answer `unavailable`. */
  readonly onStale?: 'accept' | 'unavailable';
  /** Proof of possession: tokens bound to a key are taken with their proof in any case; with this it is announced. */
  readonly dpop?: DpopOptions;
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
  /**
   * Takes work that no request waits for, in runtimes that end work with the request that began it: `waitUntil` of
   * `cloudflare:workers`. Without it there a request does that work itself when it is due.
   */
  readonly waitUntil?: (work: Promise<unknown>) => void;
}

/** Refuses settings that cannot work. @throws TypeError */
export function checkOptions(options: VerifierOptions): void {
  const { issuer, resource, jwks, algorithms = DEFAULT_ALGORITHMS, clockTolerance = 5 } = options;
  if (typeof issuer !== 'string' || issuer === '') throw new TypeError('issuer: the issuer identifier, a URL');
  if (typeof resource !== 'string' || canonicalResource(resource) === undefined)
    throw new TypeError('resource: an absolute http or https URL without fragment');
  const { audience = resource } = options;
  const audiences = typeof audience === 'string' ? [audience] : audience;
  if (audiences.length === 0 || audiences.includes('')) throw new TypeError('audience: one or more names');
  if (algorithms.length === 0 || !algorithms.every((alg) => isJwsAlgorithmName(alg)))
    throw new TypeError('algorithms: one or more asymmetric JWS algorithms');
  const unknown = algorithms.find((alg) => !canVerify(alg));
  if (unknown !== undefined) throw new TypeError(`algorithms: this runtime cannot verify ${unknown}`);
  if (!(clockTolerance >= 0 && clockTolerance <= 300)) throw new TypeError('clockTolerance: 0 to 300 seconds');
  if (typeof jwks === 'string' && !isTrustworthyUrl(jwks))
    throw new TypeError('jwks: an https URL, or http on this machine');
  if (typeof options.revocations === 'string' && !isTrustworthyUrl(options.revocations))
    throw new TypeError('revocations: an https URL, or http on this machine');
  if (jwks === undefined && !isTrustworthyUrl(issuer))
    throw new TypeError('issuer: an https URL, or http on this machine, where the keys are not given');
}

/** What the options name: where keys come from, and where revocations are heard of. */
export function createSources(
  options: VerifierOptions,
  onKeyGone: () => void,
): { readonly keys: KeySource; readonly revocations: RevocationSource | undefined } {
  const metadata = createIssuerMetadata(options.issuer);
  const keys = createKeySource(options, metadata, onKeyGone);
  const { jwks, revocations = jwks === undefined ? 'metadata' : false } = options;
  if (revocations === false) return { keys, revocations: undefined };
  if (typeof revocations === 'object') return { keys, revocations };
  return { keys, revocations: subscribe(options, keys, revocations === 'metadata' ? metadata : revocations) };
}

/** The keys the options name: a set at hand, the set at a URL, or those of the issuer's metadata. */
function createKeySource(options: VerifierOptions, metadata: IssuerMetadata, onKeyGone: () => void): KeySource {
  const { jwks, algorithms = DEFAULT_ALGORITHMS, fetch = systemFetch, fetchTimeout: timeout = 5 } = options;
  if (typeof jwks === 'object') return createFixedKeys(jwks);
  const common = { fetch, timeout, onKeyGone, background: createBackground(options.waitUntil) };
  if (jwks !== undefined) return createRemoteKeys({ locate: async () => jwks, ...common });
  const locate = async (fetcher: JsonFetcher) => readJwksUri(await metadata(fetcher));
  if (!algorithms.some((alg) => jwsAlgorithm(alg).kty === 'AKP')) return createRemoteKeys({ locate, ...common });
  // An issuer may have all of its keys in one of the two.
  const either = { mayBeEmpty: true, ...common };
  return combineKeySources([
    createRemoteKeys({ locate, ...either }),
    createRemoteKeys({ locate: async (fetcher) => readPostQuantumJwksUri(await metadata(fetcher)), ...either }),
  ]);
}

/** The feed of the issuer, at a URL or where its metadata says. */
function subscribe(options: VerifierOptions, keys: KeySource, place: string | IssuerMetadata): RevocationSource {
  const {
    issuer,
    algorithms = DEFAULT_ALGORITHMS,
    clock = systemClock,
    clockTolerance = 5,
    fetchTimeout = 5,
  } = options;
  const closing = new AbortController();
  const fetcher: JsonFetcher = {
    fetch: options.fetch ?? systemFetch,
    timeout: fetchTimeout,
    signal: closing.signal,
  };
  const feed = createRevocationFeed({
    locate: async () =>
      typeof place === 'string'
        ? { list: place, stream: streamBelow(place) }
        : readRevocationPlaces(await place(fetcher)),
    open: createUrlOpener(options.fetch),
    readDocument: createDocumentReader({ issuer, algorithms, keys, clock, clockTolerance }),
    clock,
    onKeyDenied: (kid) => keys.drop(kid, clock()),
    timings: { answer: fetchTimeout * 1000 },
    background: isProcess() ? undefined : createBackground(options.waitUntil),
  });
  return {
    ...feed,
    close() {
      closing.abort();
      feed.close();
    },
  };
}

function streamBelow(list: string): string {
  const url = new URL(list);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/stream`;
  return url.href;
}
