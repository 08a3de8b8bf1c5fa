import { isCanonicalBase64url } from './compact.ts';
import { isThumbprint } from './dpop-proof.ts';
import { isSameResource } from './resource.ts';
import type { SenderConstraint } from './sender-constraint.ts';
import { isJsonObject, type JsonObject } from './strict-json.ts';
import type { EpochSeconds, Seconds } from './time.ts';

/** The `typ` of an access token (RFC 9068 §2.1). */
export const ACCESS_TOKEN_TYPE = 'at+jwt';

/** The claims of an access token (RFC 9068 §2.2), as they go on the wire. Times in epoch seconds. */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  readonly client_id: string;
  readonly iat: EpochSeconds;
  readonly exp: EpochSeconds;
  readonly nbf?: EpochSeconds;
  readonly jti: string;
  readonly scope?: string;
  /** The grant the token belongs to: the unit of revocation. */
  readonly gid?: string;
  readonly auth_time?: EpochSeconds;
  readonly acr?: string;
  readonly amr?: readonly string[];
  /** Who acts for the subject; inside it, who acted before (RFC 8693 §4.1). */
  readonly act?: JsonObject;
  /** Who may come to act for the subject (RFC 8693 §4.4). */
  readonly may_act?: JsonObject;
  /** Confirmation of a sender-constrained token (RFC 7800, RFC 9449 §6). */
  readonly cnf?: JsonObject;
  readonly [claim: string]: unknown;
}

/** Why a well-signed access token is not accepted. */
export type AccessTokenFault =
  | 'claims'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not_yet_valid'
  | 'issued_in_future'
  | 'sender_constrained';

const MAX_IDENTIFIER_LENGTH = 256;

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= max;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** Whether a payload has every claim RFC 9068 requires, each of its type, and no known claim of another type. */
export function isAccessTokenClaims(payload: JsonObject): payload is JsonObject & AccessTokenClaims {
  const { iss, sub, aud, client_id, iat, exp, nbf, jti, scope, gid, auth_time, acr, amr, act, may_act, cnf } = payload;
  return (
    isText(iss, 2048) &&
    isText(sub, 1024) &&
    (isText(aud, 2048) || (Array.isArray(aud) && aud.length > 0 && aud.every((one) => isText(one, 2048)))) &&
    isText(client_id, 4096) &&
    isTime(iat) &&
    isTime(exp) &&
    (nbf === undefined || isTime(nbf)) &&
    isText(jti, MAX_IDENTIFIER_LENGTH) &&
    (scope === undefined || typeof scope === 'string') &&
    (gid === undefined || isText(gid, MAX_IDENTIFIER_LENGTH)) &&
    (auth_time === undefined || isTime(auth_time)) &&
    (acr === undefined || typeof acr === 'string') &&
    (amr === undefined || (Array.isArray(amr) && amr.every((one) => typeof one === 'string'))) &&
    (act === undefined || isJsonObject(act)) &&
    (may_act === undefined || isJsonObject(may_act)) &&
    (cnf === undefined || isJsonObject(cnf))
  );
}

/** What an access token must agree with. */
export interface AccessTokenExpectation {
  readonly issuer: string;
  /** The resource that was asked for; `undefined` skips the audience, for the issuer's own use at `/revoke`. */
  readonly resource: string | undefined;
  /** How far two clocks may differ, in seconds. */
  readonly clockTolerance: Seconds;
  /** Whether a token that is bound to a key (`cnf.jkt`) is wanted too; whoever says so checks the proof of that key. */
  readonly acceptsBound?: boolean;
}

/**
 * Checks well-typed claims against issuer, audience and time (RFC 9068 §4, RFC 8725 §3.9). A token with `cnf` is never a
 * Bearer token. `undefined` when nothing is wrong.
 */
export function findAccessTokenFault(
  claims: AccessTokenClaims,
  expected: AccessTokenExpectation,
  now: EpochSeconds,
): AccessTokenFault | undefined {
  if (claims.iss !== expected.issuer) return 'issuer';
  if (expected.resource !== undefined && !isForResource(claims.aud, expected.resource)) return 'audience';
  if (isAccessTokenExpired(claims.exp, expected.clockTolerance, now)) return 'expired';
  if (claims.nbf !== undefined && claims.nbf - expected.clockTolerance > now) return 'not_yet_valid';
  if (claims.iat - expected.clockTolerance > now) return 'issued_in_future';
  if (claims.cnf !== undefined && (expected.acceptsBound !== true || readConfirmation(claims) === undefined))
    return 'sender_constrained';
  return undefined;
}

/**
 * Whether a token is past its `exp` (RFC 7519 §4.1.4: it is valid before that moment only). One that is late by no more
 * than the tolerance still counts.
 */
export function isAccessTokenExpired(exp: EpochSeconds, clockTolerance: Seconds, now: EpochSeconds): boolean {
  return clockTolerance === 0 ? exp <= now : exp + clockTolerance < now;
}

function isForResource(audience: string | readonly string[], resource: string): boolean {
  if (typeof audience === 'string') return isSameResource(audience, resource);
  return audience.some((one) => isSameResource(one, resource));
}

/** The key a token is bound to (`cnf.jkt`, RFC 9449 §6.1); `undefined` for a Bearer token and for any other binding. */
export function readConfirmation({ cnf }: AccessTokenClaims): SenderConstraint | undefined {
  // More than one method: all of them would have to be proved (RFC 7800 §3.1), and we know this one only.
  return cnf !== undefined && isThumbprint(cnf['jkt']) && Object.keys(cnf).length === 1
    ? { jkt: cnf['jkt'] }
    : undefined;
}

/** Whether a `typ` header names an access token: `at+jwt`, in any case and with or without `application/` (RFC 9068 §2.1). */
export function isAccessTokenType(typ: unknown): boolean {
  if (typ === ACCESS_TOKEN_TYPE) return true;
  return typeof typ === 'string' && /^(application\/)?at\+jwt$/i.test(typ);
}

/** Whether `text` can be an identifier of ours (`jti`, `gid`): canonical base64url of at most 256 characters. */
export function isIdentifier(text: string): boolean {
  return text !== '' && text.length <= MAX_IDENTIFIER_LENGTH && isCanonicalBase64url(text);
}
