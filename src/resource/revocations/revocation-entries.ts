import { bytesOfBase64url, type EpochSeconds, type RevocationClaims, UnavailableError } from '../../oauth/index.ts';
import { encodeBase64url } from '../runtime/base64url.ts';
import { createHmac, type Hmac, type Soon, sha256 } from '../runtime/digest.ts';
import { createEndingMap, type EndingMap } from './ending-map.ts';
import type { RevocableToken } from './revocation-source.ts';

/** What is denied, as far as it is known. Entries are only ever added, and go when they have ended. */
export interface RevocationEntries {
  /** Adds what a document says; answers whether anything may be denied now that was not before. */
  add(claims: RevocationClaims, now: EpochSeconds): boolean;
  /** Computes the hashes by which a token may be denied, where that is asynchronous; `undefined` when they are at hand. */
  prepare(token: RevocableToken): Promise<void> | undefined;
  isDenied(token: RevocableToken): boolean;
  /** Forgets a part of what has ended. */
  tidy(now: EpochSeconds): void;
  readonly size: number;
}

interface Watermark {
  readonly issuedBefore: EpochSeconds;
  readonly expiresAt: EpochSeconds;
}

interface Hashes {
  readonly sub: string;
  readonly client: string;
}

/** Watermarks of hashed ids. Another epoch of the issuer has another salt; what it said before stays under the old one. */
interface Salted {
  readonly hmac: Hmac;
  readonly sub: EndingMap<Watermark>;
  readonly client: EndingMap<Watermark>;
  /** Of tokens that are remembered, which are asked about after every change. */
  readonly hashes: WeakMap<RevocableToken, Hashes>;
}

const HASH_BYTES = 16;

export function createRevocationEntries(): RevocationEntries {
  const ids = { jti: createIds(), grant: createIds(), key: createIds() };
  const bySalt = new Map<string, Salted>();
  let everything: Watermark | undefined;

  function add(claims: RevocationClaims, now: EpochSeconds): boolean {
    let isMore = false;
    for (const kind of ['jti', 'grant', 'key'] as const) {
      for (const [id, expiresAt] of claims[kind]) {
        const standing = ids[kind].get(id);
        if (expiresAt <= now || (standing ?? 0) >= expiresAt) continue;
        ids[kind].set(id, expiresAt);
        isMore ||= standing === undefined;
      }
    }
    for (const kind of ['sub', 'client'] as const) {
      for (const [id, issuedBefore, expiresAt] of claims[kind]) {
        if (expiresAt <= now) continue;
        const marks = underSalt(claims.salt)[kind];
        const standing = marks.get(id);
        marks.set(id, strongest(standing, { issuedBefore, expiresAt }));
        isMore ||= standing === undefined || standing.issuedBefore < issuedBefore;
      }
    }
    for (const [issuedBefore, expiresAt] of claims.all) {
      if (expiresAt <= now) continue;
      isMore ||= everything === undefined || everything.issuedBefore < issuedBefore;
      everything = strongest(everything, { issuedBefore, expiresAt });
    }
    return isMore;
  }

  function underSalt(salt: string): Salted {
    const known = bySalt.get(salt);
    if (known !== undefined) return known;
    const hmac = createHmac(bytesOfBase64url(salt));
    const made: Salted = { hmac, sub: createMarks(), client: createMarks(), hashes: new WeakMap() };
    bySalt.set(salt, made);
    return made;
  }

  function prepare(token: RevocableToken): Promise<void> | undefined {
    const pending = [...bySalt.values()]
      .map((salted) => hashesOf(token, salted))
      .filter((one) => one instanceof Promise);
    return pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined);
  }

  /** Every level denies by itself, so that the strongest watermark of all decides. */
  function isDenied(token: RevocableToken): boolean {
    const { jti, grantId, kid, issuedAt } = token;
    if (ids.jti.get(jti) !== undefined || ids.key.get(kid) !== undefined) return true;
    if (grantId !== undefined && ids.grant.get(grantId) !== undefined) return true;
    if (reaches(everything, issuedAt)) return true;
    for (const salted of bySalt.values()) {
      const hashes = hashesOf(token, salted);
      // Whoever did not prepare cannot know.
      if (hashes instanceof Promise) throw new UnavailableError('the revocations of the issuer');
      const { sub, client } = hashes;
      if (reaches(salted.sub.get(sub), issuedAt) || reaches(salted.client.get(client), issuedAt)) return true;
    }
    return false;
  }

  function tidy(now: EpochSeconds): void {
    for (const kind of Object.values(ids)) kind.tidy(now);
    for (const [name, { sub, client }] of bySalt) {
      sub.tidy(now);
      client.tidy(now);
      if (sub.size + client.size === 0) bySalt.delete(name);
    }
    if (everything !== undefined && everything.expiresAt <= now) everything = undefined;
  }

  return {
    add,
    prepare,
    isDenied,
    tidy,
    get size() {
      const watermarks = [...bySalt.values()].map(({ sub, client }) => sub.size + client.size);
      const named = Object.values(ids).map(({ size }) => size);
      return [...watermarks, ...named].reduce((sum, size) => sum + size, everything === undefined ? 0 : 1);
    },
  };
}

function createIds(): EndingMap<EpochSeconds> {
  return createEndingMap((expiresAt) => expiresAt);
}

function createMarks(): EndingMap<Watermark> {
  return createEndingMap(({ expiresAt }) => expiresAt);
}

function strongest(one: Watermark | undefined, other: Watermark): Watermark {
  if (one === undefined) return other;
  return {
    issuedBefore: Math.max(one.issuedBefore, other.issuedBefore),
    expiresAt: Math.max(one.expiresAt, other.expiresAt),
  };
}

function reaches(watermark: Watermark | undefined, issuedAt: EpochSeconds): boolean {
  return watermark !== undefined && issuedAt <= watermark.issuedBefore;
}

function hashesOf(token: RevocableToken, { hmac, hashes }: Salted): Soon<Hashes> {
  const known = hashes.get(token);
  if (known !== undefined) return known;
  const keep = (sub: Uint8Array, client: Uint8Array): Hashes => {
    const made = { sub: shorten(sub), client: shorten(client) };
    hashes.set(token, made);
    return made;
  };
  const sub = hmac(token.subject);
  const clientHash = sha256(token.clientId);
  if (sub instanceof Promise || typeof clientHash !== 'string')
    return Promise.all([sub, Promise.resolve(clientHash).then(hmac)]).then(([one, other]) => keep(one, other));
  const client = hmac(clientHash);
  return client instanceof Promise ? client.then((bytes) => keep(sub, bytes)) : keep(sub, client);
}

function shorten(bytes: Uint8Array): string {
  return encodeBase64url(bytes.subarray(0, HASH_BYTES));
}
