import {
  type EpochSeconds,
  isAccessTokenExpired,
  readConfirmation,
  type ScopeHierarchy,
  UnavailableError,
} from '../../oauth/index.ts';
import type { KeySourceState } from '../keys/key-source.ts';
import type { VerificationKey } from '../keys/verification-key.ts';
import { type AuthInfo, createAuthInfo } from '../requests/auth-info.ts';
import { BearerError } from '../requests/bearer-error.ts';
import { createProofGuard, type DpopOffer, dpopOffer, type ProvingRequest } from '../requests/dpop.ts';
import type { RevocableToken, RevocationSource, RevocationState } from '../revocations/revocation-source.ts';
import { systemClock } from '../runtime/clock.ts';
import type { AccessToken } from './access-token.ts';
import { RFC_9068 } from './issuer-profile.ts';
import { DEFAULT_ALGORITHMS } from './jws-algorithm.ts';
import { createTokenCache } from './token-cache.ts';
import { createTokenOpener } from './token-opener.ts';
import { createTokenReader } from './token-signature.ts';
import { createTokenWatch, type TokenEnd } from './token-watch.ts';
import { checkOptions, createSources, type VerifierOptions } from './verifier-options.ts';

/** What a verifier is holding, for health pages. */
export interface VerifierState {
  readonly keys: KeySourceState;
  readonly revocations: RevocationState | undefined;
  readonly rememberedTokens: number;
}

/** Verifies the access tokens of one issuer for one resource. */
export interface Verifier extends Disposable {
  readonly issuer: string;
  /** Every issuer whose tokens are taken: what the protected resource metadata lists. */
  readonly issuers: readonly string[];
  readonly resource: string;
  readonly implies: ScopeHierarchy;
  /** What challenges and metadata tell of DPoP; `undefined` where the options say nothing of it. */
  readonly dpop: DpopOffer | undefined;
  /**
   * The verified token, or `undefined` for anything that is not a valid Bearer token of this issuer for this resource,
   * whatever it is: a token that is bound to a key is none (RFC 9449 §7.2). No network on the way unless the keys are unknown.
   * @throws UnavailableError when it cannot be known, because no keys could be had.
   */
  loadAccessToken(token: string): Promise<AccessToken | undefined>;
  /**
   * The same for a token that is bound to a key, with the proof of that key (RFC 9449 §7.1). A Bearer token is none.
   * @throws BearerError `invalid_dpop_proof`, `use_dpop_nonce`; UnavailableError as above.
   */
  loadBoundAccessToken(token: string, request: ProvingRequest): Promise<AccessToken | undefined>;
  /** The nonce a proof must carry now; `undefined` where none is wanted. */
  dpopNonce(): string | undefined;
  /**
   * The same as the MCP SDKs want it (`OAuthTokenVerifier`).
   * @throws BearerError `invalid_token`; the SDK v2 answers it with 401. UnavailableError as above.
   */
  verifyAccessToken(token: string): Promise<AuthInfo>;
  /**
   * Calls `onEnd` once, when a token that was verified is good no more: for what stays open longer than its request. Keeps no
   * process alive.
   * @returns how to stop waiting.
   */
  watch(accessToken: AccessToken, onEnd: (end: TokenEnd) => void): () => void;
  state(): VerifierState;
  /** Ends what is under way. Tokens are verified with what is known from then on. */
  close(): void;
}

interface Remembered {
  readonly token: string;
  readonly expiresAt: EpochSeconds;
  /** Made once: a hit hands out the same settled promise. */
  readonly answer: Promise<AccessToken>;
  readonly revocable: RevocableToken;
  /** To a key: then it is no Bearer token. */
  readonly isBound: boolean;
  checkedVersion: number;
}

const NOBODY: Promise<undefined> = Promise.resolve(undefined);

/**
 * Makes a verifier of RFC 9068 access tokens. With `jwks` as a set and without `revocations` it uses no network and no timer.
 *
 * The first token, or the first look at `state`, starts the subscription to the issuer's revocations. For at most a second
 * from then on tokens wait for the first answer; where it takes longer they are judged by what is known, and a remembered
 * token is judged again when the answer comes.
 *
 * @example
 * ```ts
 * import { createVerifier } from 'guardmint/resource';
 *
 * const verifier = createVerifier({ issuer: 'https://as.example.com', resource: 'https://mcp.example.com/mcp' });
 * const accessToken = await verifier.loadAccessToken(token); // undefined: not a valid token
 * ```
 * @throws TypeError for settings that cannot work.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { issuer, resource, implies = {}, clock = systemClock, clockTolerance = 5, cacheSize = 20_000 } = options;
  const { algorithms = DEFAULT_ALGORITHMS, onStale = 'accept' } = options;
  checkOptions(options);
  const remembered = createTokenCache<Remembered>(cacheSize);
  let keyChanges = 0;
  const { keys, revocations } = createSources(options, () => {
    remembered.clear();
    keyChanges += 1;
  });
  const { profile = RFC_9068, audience } = options;
  const readToken = createTokenReader(algorithms, profile.isAccessTokenType);
  const openToken = createTokenOpener({ issuer, resource, audience, profile, clockTolerance });
  const requiresProof = options.dpop?.required ?? false;
  const proofs = createProofGuard(options.dpop ?? {}, clock);
  const watchToken = createTokenWatch({ clock, clockTolerance, revocations, onStale });

  function loadAccessToken(token: string): Promise<AccessToken | undefined> {
    return requiresProof ? NOBODY : load(token, false);
  }

  async function loadBoundAccessToken(token: string, request: ProvingRequest): Promise<AccessToken | undefined> {
    const accessToken = await load(token, true);
    const jkt = accessToken === undefined ? undefined : readConfirmation(accessToken.claims)?.jkt;
    if (accessToken === undefined || jkt === undefined) return undefined;
    await proofs.check(request, token, jkt);
    return accessToken;
  }

  function load(token: string, isBound: boolean): Promise<AccessToken | undefined> {
    try {
      if (typeof token !== 'string') return NOBODY;
      const now = clock();
      const pending = tend(now);
      if (pending !== undefined) return pending.then(() => judge(token, isBound, clock()));
      return judge(token, isBound, now);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** What a token has to wait for: nothing, in a process. */
  function tend(now: EpochSeconds): Promise<unknown> | undefined {
    const forKeys = keys.tend(now);
    const forRevocations = revocations?.tend?.(now);
    return forKeys === undefined ? forRevocations : Promise.all([forKeys, forRevocations]);
  }

  function judge(token: string, isBound: boolean, now: EpochSeconds): Promise<AccessToken | undefined> {
    const entry = remembered.find(token);
    if (entry === undefined) return verifyToken(token, isBound, now);
    return isBound === entry.isBound ? recall(entry, now) : NOBODY;
  }

  function recall(entry: Remembered, now: EpochSeconds): Promise<AccessToken | undefined> {
    if (isAccessTokenExpired(entry.expiresAt, clockTolerance, now)) {
      remembered.remove(entry.token);
      return NOBODY;
    }
    return revocations === undefined ? entry.answer : recheck(entry, revocations, now);
  }

  function recheck(entry: Remembered, source: RevocationSource, now: EpochSeconds): Promise<AccessToken | undefined> {
    if (onStale === 'unavailable' && source.state(now).freshness === 'stale')
      throw new UnavailableError('the revocations of the issuer');
    const version = source.version();
    if (entry.checkedVersion === version) return entry.answer;
    const prepared = source.prepare?.(entry.revocable);
    if (prepared !== undefined) return prepared.then(() => recheck(entry, source, clock()));
    if (source.isDenied(entry.revocable)) {
      remembered.remove(entry.token);
      return NOBODY;
    }
    entry.checkedVersion = version;
    return entry.answer;
  }

  function verifyToken(token: string, isBound: boolean, now: EpochSeconds): Promise<AccessToken | undefined> {
    const unverified = readToken(token);
    if (unverified === undefined) return NOBODY;
    revocations?.begin?.();
    const changesBefore = keyChanges;
    const take = (accessToken: AccessToken | undefined): Promise<AccessToken | undefined> => {
      if (accessToken === undefined || isBound !== (accessToken.claims.cnf !== undefined)) return NOBODY;
      return answerWith(accessToken, unverified.kid, now, () => keyChanges === changesBefore);
    };
    const open = (key: VerificationKey): Promise<AccessToken | undefined> => {
      const opened = openToken(unverified, key, now);
      return opened instanceof Promise ? opened.then(take) : take(opened);
    };
    const key = keys.find(unverified.kid);
    if (key !== undefined) return open(key);
    return keys.seek(unverified.kid, now).then((found) => (found === undefined ? undefined : open(found)));
  }

  /** The answer for a token that was verified. It is remembered unless a key went while it was being judged: perhaps its own. */
  function answerWith(
    accessToken: AccessToken,
    kid: string,
    now: EpochSeconds,
    mayRemember: () => boolean,
  ): Promise<AccessToken | undefined> {
    const { token, expiresAt } = accessToken;
    const entry: Remembered = {
      token,
      expiresAt,
      answer: Promise.resolve(accessToken),
      isBound: accessToken.claims.cnf !== undefined,
      revocable: revocableToken(accessToken, kid),
      checkedVersion: Number.NaN,
    };
    const keep = (answer: Promise<AccessToken | undefined>): Promise<AccessToken | undefined> => {
      if (answer !== NOBODY && mayRemember()) remembered.add(entry);
      return answer;
    };
    if (revocations === undefined) return keep(entry.answer);
    const wait = revocations.ready?.();
    if (wait === undefined) return keep(recheck(entry, revocations, now));
    return wait.then(() => keep(recheck(entry, revocations, clock())));
  }

  async function verifyAccessToken(token: string): Promise<AuthInfo> {
    const accessToken = await loadAccessToken(token);
    if (accessToken === undefined) throw new BearerError('invalid_token');
    return createAuthInfo(accessToken, implies);
  }

  function watch(accessToken: AccessToken, onEnd: (end: TokenEnd) => void): () => void {
    const kid = readToken(accessToken.token)?.kid ?? '';
    return watchToken({ expiresAt: accessToken.expiresAt, revocable: revocableToken(accessToken, kid) }, onEnd);
  }

  function state(): VerifierState {
    revocations?.begin?.();
    return { keys: keys.state(), revocations: revocations?.state(clock()), rememberedTokens: remembered.size };
  }

  function close(): void {
    keys.close();
    revocations?.close();
  }

  return {
    issuer,
    issuers: [issuer],
    resource,
    implies,
    dpop: options.dpop === undefined ? undefined : dpopOffer(options.dpop),
    loadAccessToken,
    loadBoundAccessToken,
    dpopNonce: proofs.nonce,
    verifyAccessToken,
    watch,
    state,
    close,
    [Symbol.dispose]: close,
  };
}

function revocableToken(accessToken: AccessToken, kid: string): RevocableToken {
  const { jti, grantId, subject, clientId, issuedAt } = accessToken;
  return { jti, kid, subject, clientId, issuedAt, ...(grantId !== undefined && { grantId }) };
}
