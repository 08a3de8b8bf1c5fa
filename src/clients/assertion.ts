import {
  type EpochSeconds,
  isJsonObject,
  type JsonObject,
  parseJsonBytes,
  type Seconds,
  splitCompact,
} from '../oauth/index.ts';
import { sha256 } from '../platform/index.ts';
import { ASSERTION_ALGORITHMS, type AssertionAlgorithm, isAssertionAlgorithm } from './foreign-key.ts';
import type { JwkSet } from './jwk-set.ts';

/** Claims of a JWT somebody else signed (RFC 7519 §4.1): registered ones have their types, others any. */
export interface AssertionClaims {
  readonly iss: string;
  readonly sub?: string;
  readonly aud: string | readonly string[];
  readonly exp: EpochSeconds;
  readonly nbf?: EpochSeconds;
  readonly iat?: EpochSeconds;
  readonly jti?: string;
  readonly [claim: string]: unknown;
}

/** A JWT that is well formed. Nothing it says is proved: only `verifyAssertion` does that. */
export interface UnverifiedAssertion {
  readonly compact: string;
  readonly header: { readonly alg: AssertionAlgorithm; readonly kid?: string; readonly typ?: string } & JsonObject;
  readonly claims: AssertionClaims;
}

/** A JWT whose signature, audience and times hold. */
export interface VerifiedAssertion extends UnverifiedAssertion {
  readonly isVerified: true;
}

/** What is wrong with an assertion, in one word: for logs, never for the wire. */
export type AssertionFault =
  /** not one canonical compact JWS over two JSON objects without repeated members */
  | 'malformed'
  /** `crit` or `b64`: an extension is asked for that we do not have */
  | 'critical_extension'
  /** an `alg` that is unknown, symmetric, `none`, or not among those admitted here */
  | 'algorithm'
  /** a claim that is missing or of another type than it must be */
  | 'claims'
  | 'type'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not_yet_valid'
  | 'issued_in_future'
  /** valid for longer than is remembered here */
  | 'lives_too_long'
  | 'key_unknown'
  | 'signature';

/** What an assertion must agree with. */
export interface AssertionExpectation {
  /** Admitted `typ`s, compared without case and without `application/`; `undefined` among them: none at all. */
  readonly types: readonly (string | undefined)[];
  readonly issuer: string;
  /** One of these must be the only audience. */
  readonly audience: readonly string[];
  /** Whether an array with that one audience will do; absent: it must be a plain string. */
  readonly allowAudienceArray?: boolean;
  /** Claims that must be there, beside `iss`, `aud` and `exp`. */
  readonly required: readonly string[];
  /** How far ahead of now `exp` may lie. */
  readonly maxLifetime: Seconds;
}

const MAX_IDENTIFIER_LENGTH = 2_048;
const MAX_ID_LENGTH = 512;

/**
 * The canonical gate for a JWT of somebody else, before anything else looks at it: one spelling of three segments, at most
 * 16,384 characters, JSON objects without repeated members, an asymmetric `alg`, no `crit`, registered claims of their
 * types, with `iss`, `aud` and `exp`.
 */
export function parseAssertion(text: string): UnverifiedAssertion | AssertionFault {
  const segments = splitCompact(text, 3);
  if (segments === undefined) return 'malformed';
  const [head = '', body = ''] = segments;
  const header = parseJsonBytes(Buffer.from(head, 'base64url'));
  const claims = parseJsonBytes(Buffer.from(body, 'base64url'));
  if (header === undefined || claims === undefined) return 'malformed';
  if (header['crit'] !== undefined || header['b64'] !== undefined) return 'critical_extension';
  const { alg, kid, typ } = header;
  if (!isAssertionAlgorithm(alg)) return 'algorithm';
  if (kid !== undefined && !isText(kid, MAX_ID_LENGTH)) return 'malformed';
  if (typ !== undefined && typeof typ !== 'string') return 'malformed';
  if (!isAssertionClaims(claims)) return 'claims';
  return { compact: text, header: header as UnverifiedAssertion['header'], claims };
}

/**
 * Verifies an assertion that passed the gate (RFC 7523 §3, RFC 8725 §3): `typ`, issuer, audience, times, and last, so that
 * nonsense costs neither a fetch nor a signature, the key and the signature, which jose checks. Whoever accepts it once
 * only spends its `assertionMarker` afterwards.
 * @throws UnavailableError when the keys lie elsewhere and cannot be had: then nobody knows.
 */
export async function verifyAssertion(
  assertion: UnverifiedAssertion,
  expected: AssertionExpectation,
  deps: {
    keys: JwkSet;
    now: EpochSeconds;
    clockTolerance: Seconds;
    /** Absent: all of `ASSERTION_ALGORITHMS`. */
    algorithms?: readonly AssertionAlgorithm[];
  },
): Promise<VerifiedAssertion | AssertionFault> {
  const { header, claims, compact } = assertion;
  const { algorithms = ASSERTION_ALGORITHMS } = deps;
  if (!algorithms.includes(header.alg)) return 'algorithm';
  if (!expected.types.includes(plainType(header.typ))) return 'type';
  if (claims.iss !== expected.issuer) return 'issuer';
  if (!isForOneOf(claims.aud, expected)) return 'audience';
  const fault = findTimeFault(claims, expected.maxLifetime, deps);
  if (fault !== undefined) return fault;
  if (!expected.required.every((claim) => claims[claim] !== undefined)) return 'claims';
  const candidates = await deps.keys.find(header);
  if (candidates.length === 0) return 'key_unknown';
  for (const key of candidates) if (await key.verify(compact)) return { ...assertion, isVerified: true };
  return 'signature';
}

/** The marker by which an assertion is spent: its `jti` belongs to its issuer, so that no two issuers collide. */
export interface AssertionMarker {
  readonly kind: 'assertion';
  readonly id: string;
  readonly expiresAt: EpochSeconds;
}

/** Spends a marker: of any number of concurrent calls with one id exactly one answers `first`. @throws UnavailableError */
export type ConsumeOnce = (marker: AssertionMarker) => Promise<'first' | 'again'>;

/** The marker of an assertion with a `jti`, kept until it is refused for its age. */
export function assertionMarker({ claims }: VerifiedAssertion, clockTolerance: Seconds): AssertionMarker {
  return {
    kind: 'assertion',
    id: sha256(JSON.stringify([claims.iss, claims.jti ?? ''])),
    expiresAt: Math.ceil(claims.exp) + clockTolerance + 1,
  };
}

function isAssertionClaims(claims: JsonObject): claims is JsonObject & AssertionClaims {
  const { iss, sub, aud, exp, nbf, iat, jti } = claims;
  const isAudience = (value: unknown) => isText(value, MAX_IDENTIFIER_LENGTH);
  return (
    isText(iss, MAX_IDENTIFIER_LENGTH) &&
    (sub === undefined || isText(sub, MAX_IDENTIFIER_LENGTH)) &&
    (isAudience(aud) || (Array.isArray(aud) && aud.length > 0 && aud.every(isAudience))) &&
    isTime(exp) &&
    (nbf === undefined || isTime(nbf)) &&
    (iat === undefined || isTime(iat)) &&
    (jti === undefined || isText(jti, MAX_ID_LENGTH)) &&
    (claims['cnf'] === undefined || isJsonObject(claims['cnf']))
  );
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= max;
}

/** A moment between 1970 and the year 5138: beyond, sums lose their meaning. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 1e11;
}

function plainType(typ: string | undefined): string | undefined {
  return typ?.toLowerCase().replace(/^application\//, '');
}

function isForOneOf(aud: string | readonly string[], expected: AssertionExpectation): boolean {
  if (typeof aud === 'string') return expected.audience.includes(aud);
  const [only, ...others] = aud;
  return expected.allowAudienceArray === true && others.length === 0 && expected.audience.includes(only ?? '');
}

function findTimeFault(
  { exp, nbf, iat }: AssertionClaims,
  maxLifetime: Seconds,
  { now, clockTolerance }: { now: EpochSeconds; clockTolerance: Seconds },
): AssertionFault | undefined {
  if (exp + clockTolerance <= now) return 'expired';
  if (nbf !== undefined && nbf - clockTolerance > now) return 'not_yet_valid';
  if (iat !== undefined && iat - clockTolerance > now) return 'issued_in_future';
  if (exp - clockTolerance > now + maxLifetime) return 'lives_too_long';
  return undefined;
}
