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
  let hashing = createHashing(issuer, '');

  async function sign(changes: DenylistChanges, previous?: string): Promise<RevocationDocument> {
    const now = clock();
    const { epoch, sequence } = changes;
    if (hashing.epoch !== epoch) hashing = createHashing(issuer, epoch);
    const claims: RevocationClaims = {
      iss: issuer,
      iat: now,
      exp: now + LIFETIME,
      ttl: ASK_AGAIN,
      epoch,
      seq: sequence,
      ...(previous !== undefined && { prev: previous }),
      ...writeEntries(changes.entries, hashing),
    };
    const position = formatPosition(changes);
    const text = await signCompact(keys.signer(), REVOCATIONS_TYPE, claims);
    return { text, position, etag: `"${position}.${now}"`, issuedAt: now };
  }

  return { signSnapshot: (changes) => sign(changes), signDelta: (previous, changes) => sign(changes, previous) };
}

/** How ids are hashed in one epoch. */
interface Hashing {
  readonly epoch: string;
  /** Base64url. */
  readonly salt: string;
  hash(entry: DenylistEntry): string;
}

/**
 * Subjects and clients are nobody's business but theirs who hold a token of them. The salt is made of what is public, so
 * that every replica that serves an epoch serves the same hashes. What was hashed is remembered with its entry: most of a
 * snapshot stood in the one before.
 */
function createHashing(issuer: string, epoch: string): Hashing {
  const digest = sha256(`guardmint revocations\0${issuer}\0${epoch}`);
  const salt = Buffer.from(digest, 'base64url').subarray(0, HASH_BYTES);
  const hashes = new WeakMap<DenylistEntry, string>();
  return {
    epoch,
    salt: salt.toString('base64url'),
    hash(entry) {
      const known = hashes.get(entry);
      if (known !== undefined) return known;
      const hash = hmacSha256(salt, entry.id).subarray(0, HASH_BYTES).toString('base64url');
      hashes.set(entry, hash);
      return hash;
    },
  };
}

type EntryClaims = Pick<RevocationClaims, 'salt' | 'jti' | 'grant' | 'key' | 'sub' | 'client' | 'all'>;

function writeEntries(entries: readonly DenylistEntry[], { salt, hash }: Hashing): EntryClaims {
  const ids = (kind: DenylistEntry['kind']) =>
    entries.filter((entry) => entry.kind === kind).map(({ id, expiresAt }) => [id, expiresAt] as const);
  const watermarks = (kind: DenylistEntry['kind']) =>
    entries
      .filter((entry) => entry.kind === kind)
      .map((entry) => [hash(entry), entry.issuedBefore ?? 0, entry.expiresAt] as const);
  return {
    salt,
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
