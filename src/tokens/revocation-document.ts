import type { KeyRing } from '../keys/index.ts';
import {
  type EpochSeconds,
  formatPosition,
  REVOCATIONS_TYPE,
  type RevocationClaims,
  type Seconds,
} from '../oauth/index.ts';
import { type Clock, hmacSha256, sha256 } from '../platform/index.ts';
import { signCompact } from './access-token.ts';
import type { DenylistChanges, DenylistEntry } from './denylist.ts';

/** A signed revocation document. */
export interface RevocationDocument {
  /** Compact JWS, `typ revocations+jwt`. */
  readonly text: string;
  /** `<epoch>.<sequence>`: where it brings its reader. */
  readonly position: string;
  /** Strong entity tag, quoted: the position, and the moment of signing, with which the text changes. */
  readonly etag: string;
  readonly issuedAt: EpochSeconds;
}

/** Writes revocation documents. */
export interface RevocationDocuments {
  /** Everything that is denied. @throws UnavailableError when no key can sign. */
  signSnapshot(changes: DenylistChanges): Promise<RevocationDocument>;
  /** What was denied after a sequence of the same epoch; with no entries a heartbeat. @throws UnavailableError */
  signDelta(previous: string, changes: DenylistChanges): Promise<RevocationDocument>;
}

/** After this long a document says nothing any more. */
const LIFETIME: Seconds = 60;
/** When a reader that polls should ask again. */
const ASK_AGAIN: Seconds = 5;
const HASH_BYTES = 16;

export function createRevocationDocuments(deps: { keys: KeyRing; issuer: string; clock: Clock }): RevocationDocuments {
  const { keys, issuer, clock } = deps;

  async function sign(changes: DenylistChanges, previous?: string): Promise<RevocationDocument> {
    const now = clock();
    const { epoch, sequence } = changes;
    const claims: RevocationClaims = {
      iss: issuer,
      iat: now,
      exp: now + LIFETIME,
      ttl: ASK_AGAIN,
      epoch,
      seq: sequence,
      ...(previous !== undefined && { prev: previous }),
      ...writeEntries(changes.entries, saltOf(issuer, epoch)),
    };
    const position = formatPosition(changes);
    const text = await signCompact(keys.signer(), REVOCATIONS_TYPE, claims);
    return { text, position, etag: `"${position}.${now}"`, issuedAt: now };
  }

  return { signSnapshot: (changes) => sign(changes), signDelta: (previous, changes) => sign(changes, previous) };
}

/** Made of what is public, so that every replica that serves an epoch serves the same hashes. */
function saltOf(issuer: string, epoch: string): Buffer {
  return Buffer.from(sha256(`guardmint revocations\0${issuer}\0${epoch}`), 'base64url').subarray(0, HASH_BYTES);
}

type EntryClaims = Pick<RevocationClaims, 'salt' | 'jti' | 'grant' | 'key' | 'sub' | 'client' | 'all'>;

function writeEntries(entries: readonly DenylistEntry[], salt: Buffer): EntryClaims {
  const ids = (kind: DenylistEntry['kind']) =>
    entries.filter((entry) => entry.kind === kind).map(({ id, expiresAt }) => [id, expiresAt] as const);
  const watermarks = (kind: DenylistEntry['kind']) =>
    entries
      .filter((entry) => entry.kind === kind)
      .map(({ id, issuedBefore = 0, expiresAt }) => [hashId(salt, id), issuedBefore, expiresAt] as const);
  return {
    salt: salt.toString('base64url'),
    jti: ids('jti'),
    grant: ids('grant'),
    key: ids('key'),
    sub: watermarks('subject'),
    client: watermarks('client'),
    all: entries
      .filter(({ kind }) => kind === 'all')
      .map(({ issuedBefore = 0, expiresAt }) => [issuedBefore, expiresAt] as const),
  };
}

/** Subjects and clients are nobody's business but theirs who hold a token of them. */
function hashId(salt: Buffer, id: string): string {
  return hmacSha256(salt, id).subarray(0, HASH_BYTES).toString('base64url');
}
