import type { JsonObject } from './strict-json.ts';
import type { EpochSeconds, Seconds } from './time.ts';

/** `typ` of a revocation document, and its media type below `application/`. */
export const REVOCATIONS_TYPE = 'revocations+jwt';

/** What is denied by its id, and until when. */
export type DeniedId = readonly [id: string, expiresAt: EpochSeconds];

/** A watermark: what was issued to the hashed id at or before a moment is denied, and until when. */
export type DeniedIssue = readonly [hash: string, issuedBefore: EpochSeconds, expiresAt: EpochSeconds];

/** The claims of a revocation document (docs/tokens.md). */
export interface RevocationClaims {
  readonly iss: string;
  readonly iat: EpochSeconds;
  readonly exp: EpochSeconds;
  /** When to ask again. */
  readonly ttl: Seconds;
  /** Changes when the issuer may have lost entries; what was read before stays denied. */
  readonly epoch: string;
  /** The position within the epoch that the document brings its reader to. */
  readonly seq: string;
  /** Deltas only: the position it goes on from. Without it the document holds everything that is denied. */
  readonly prev?: string;
  /** The key of the hashes in `sub` and `client`, base64url. Public, and another one in each epoch. */
  readonly salt: string;
  readonly jti: readonly DeniedId[];
  readonly grant: readonly DeniedId[];
  readonly key: readonly DeniedId[];
  readonly sub: readonly DeniedIssue[];
  readonly client: readonly DeniedIssue[];
  /** At most one watermark over everything. */
  readonly all: readonly (readonly [issuedBefore: EpochSeconds, expiresAt: EpochSeconds])[];
}

/** Whether claims have the types of a revocation document. Members and columns beyond those known are let be. */
export function isRevocationClaims(claims: JsonObject): claims is JsonObject & RevocationClaims {
  const { iss, iat, exp, ttl, epoch, seq, prev, salt } = claims;
  return (
    [iss, salt].every((text) => typeof text === 'string' && text.length <= 2_048) &&
    [iat, exp, ttl].every(isMoment) &&
    [epoch, seq].every(isPositionPart) &&
    (prev === undefined || isPositionPart(prev)) &&
    [claims['jti'], claims['grant'], claims['key']].every((rows) => areRows(rows, 1, 1)) &&
    [claims['sub'], claims['client']].every((rows) => areRows(rows, 1, 2)) &&
    areRows(claims['all'], 0, 2)
  );
}

/** A position in the order of revocations, as one text: `<epoch>.<sequence>`. */
export function formatPosition(position: { readonly epoch: string; readonly sequence: string }): string {
  return `${position.epoch}.${position.sequence}`;
}

/** The position a text names, or `undefined` when it names none. */
export function parsePosition(text: string): { readonly epoch: string; readonly sequence: string } | undefined {
  const [epoch, sequence, ...rest] = text.split('.');
  if (!isPositionPart(epoch) || !isPositionPart(sequence) || rest.length > 0) return undefined;
  return { epoch, sequence };
}

function isPositionPart(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{1,128}$/.test(value);
}

function isMoment(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value);
}

/** Whether it is a list of rows that begin with so many texts and go on with so many moments. */
function areRows(value: unknown, texts: number, moments: number): boolean {
  if (!Array.isArray(value)) return false;
  return value.every((row: unknown) => {
    if (!Array.isArray(row) || row.length < texts + moments) return false;
    const cells: readonly unknown[] = row;
    for (let index = 0; index < texts; index++) if (typeof cells[index] !== 'string') return false;
    for (let index = texts; index < texts + moments; index++) if (!isMoment(cells[index])) return false;
    return true;
  });
}
