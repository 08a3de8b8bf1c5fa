import {
  createReplayMemory,
  DPOP_ALGORITHMS,
  DPOP_PROOF_WINDOW,
  type DpopProof,
  type EpochSeconds,
  findDpopProofFault,
  readDpopProof,
  type Seconds,
  thumbprintInput,
} from '../../oauth/index.ts';
import { parseVerificationKey, type VerificationKey } from '../keys/verification-key.ts';
import { asciiBytes, decodeBase64url, encodeBase64url } from '../runtime/base64url.ts';
import type { Clock } from '../runtime/clock.ts';
import { createHmac, type Soon, sha256 } from '../runtime/digest.ts';
import { BearerError } from './bearer-error.ts';

/** Remembers which proofs were used: within one process, or in a place several of them share. */
export interface ProofReplays {
  /** Atomic: of any number of calls with one id exactly one answers `first`. The id is 43 characters. */
  consumeOnce(proof: {
    readonly id: string;
    readonly expiresAt: EpochSeconds;
    /** Thumbprint of the key that made it. */
    readonly jkt: string;
  }): Promise<'first' | 'again'> | 'first' | 'again';
}

/** How proofs of possession are checked (RFC 9449). */
export interface DpopOptions {
  /** Whether Bearer tokens are refused. */
  readonly required?: boolean;
  /** Absent: the last 100,000 proofs are remembered in this process. */
  readonly replays?: ProofReplays;
  /** Makes proofs carry a nonce (RFC 9449 §9), derived from this secret: at least 32 bytes, the same for all replicas. */
  readonly nonceSecret?: string | Uint8Array;
}

/** What challenges and metadata tell of DPoP. */
export interface DpopOffer {
  readonly algorithms: readonly string[];
  readonly required: boolean;
}

/** The parts of a request that its proof is about. */
export interface ProvingRequest {
  /** The values of its `DPoP` headers. */
  readonly proofs: readonly string[];
  readonly method: string;
  /** Its URL as clients know it. */
  readonly url: string;
}

/** Checks the proofs that come with bound access tokens. */
export interface ProofGuard {
  /** @throws BearerError `invalid_dpop_proof`, `use_dpop_nonce`; what `replays` throws. */
  check(request: ProvingRequest, token: string, jkt: string): Promise<void>;
  /** The nonce to hand out now; `undefined` where none is wanted. */
  nonce(): string | undefined;
}

const MAX_REMEMBERED_PROOFS = 100_000;
const MAX_REMEMBERED_KEYS = 1_000;
const MIN_SECRET_BYTES = 32;
const NONCE_EVERY: Seconds = 120;
const NONCES_KEPT = 3;

/** @throws TypeError for a secret under 32 bytes. */
export function createProofGuard(options: DpopOptions, clock: Clock): ProofGuard {
  const replays = options.replays ?? rememberInProcess(clock);
  const nonces = options.nonceSecret === undefined ? undefined : createNonces(options.nonceSecret, clock);
  const importKey = createKeyImport();

  async function check(request: ProvingRequest, token: string, jkt: string): Promise<void> {
    await nonces?.refresh();
    const text = request.proofs[0];
    const proof = text === undefined || request.proofs.length > 1 ? undefined : readDpopProof(text);
    if (text === undefined || proof === undefined || typeof proof === 'string') throw refuse();
    const thumbprint = await sha256(thumbprintInput(proof.jwk));
    if (thumbprint !== jkt || !(await isSigned(text, importKey(proof, thumbprint)))) throw refuse();
    const expected = { method: request.method, url: request.url, accessTokenHash: await sha256(token) };
    if (findDpopProofFault(proof, expected, clock()) !== undefined) throw refuse();
    if (nonces !== undefined && !nonces.isCurrent(proof.nonce)) throw refuse('use_dpop_nonce');
    const expiresAt = Math.ceil(proof.iat) + DPOP_PROOF_WINDOW + 1;
    const id = await sha256(`${jkt}\0${proof.jti}`);
    if ((await replays.consumeOnce({ id, expiresAt, jkt })) === 'again') throw refuse();
  }

  function refuse(code: 'invalid_dpop_proof' | 'use_dpop_nonce' = 'invalid_dpop_proof'): BearerError {
    return new BearerError(code, { scheme: 'DPoP', nonce: nonces?.current() });
  }

  return { check, nonce: () => nonces?.current() };
}

/** What is told of DPoP where a verifier was given `options` for it. */
export function dpopOffer(options: DpopOptions): DpopOffer {
  return { algorithms: DPOP_ALGORITHMS, required: options.required ?? false };
}

function isSigned(text: string, key: VerificationKey | undefined): Soon<boolean> {
  const end = text.lastIndexOf('.');
  const signature = decodeBase64url(text.slice(end + 1));
  return key !== undefined && signature !== undefined && key.verify(asciiBytes(text.slice(0, end)), signature);
}

/** Clients keep their key, and importing one costs as much as verifying with it. */
function createKeyImport(): (proof: DpopProof, thumbprint: string) => VerificationKey | undefined {
  let held = new Map<string, VerificationKey>();
  return ({ jwk, alg }, thumbprint) => {
    const name = `${alg} ${thumbprint}`;
    const known = held.get(name);
    if (known !== undefined) return known;
    const key = parseVerificationKey({ ...jwk, alg, kid: thumbprint });
    if (typeof key === 'string') return undefined;
    if (held.size >= MAX_REMEMBERED_KEYS) held = new Map();
    held.set(name, key);
    return key;
  };
}

/** Nonces that follow from a secret and the time, so that replicas recognise each other's and none is stored. */
function createNonces(secret: string | Uint8Array, clock: Clock) {
  const key = typeof secret === 'string' ? new TextEncoder().encode(secret) : Uint8Array.from(secret);
  if (key.length < MIN_SECRET_BYTES) throw new TypeError('dpop.nonceSecret: at least 32 bytes');
  const hmac = createHmac(key);
  let held: { readonly step: number; readonly nonces: readonly string[] } = { step: Number.NaN, nonces: [] };

  /** Makes the nonces of the present moment: at once, or a promise where that takes one. */
  function refresh(): Soon<void> {
    const step = Math.floor(clock() / NONCE_EVERY);
    if (held.step === step) return;
    // One of the next step too: the clock of the replica that handed it out may be ahead.
    const steps = [step, step + 1, ...Array.from({ length: NONCES_KEPT }, (_, index) => step - 1 - index)];
    const made = steps.map((one) => hmac(`guardmint nonce ${one}`));
    const atOnce = made.filter((one) => one instanceof Uint8Array);
    if (atOnce.length === made.length) return keep(step, atOnce);
    return Promise.all(made.map((one) => Promise.resolve(one))).then((all) => keep(step, all));
  }

  function keep(step: number, made: readonly Uint8Array[]): void {
    held = { step, nonces: made.map(encodeBase64url) };
  }

  return {
    refresh,
    /** The nonce of now; where making it takes a promise, the one that was made last. */
    current: () => {
      void refresh();
      return held.nonces[0];
    },
    isCurrent: (nonce: string | undefined) => nonce !== undefined && held.nonces.includes(nonce),
  };
}

function rememberInProcess(clock: Clock): ProofReplays {
  const memory = createReplayMemory(MAX_REMEMBERED_PROOFS);
  return { consumeOnce: ({ id, expiresAt, jkt }) => memory.consumeOnce(id, expiresAt, clock(), jkt) };
}
