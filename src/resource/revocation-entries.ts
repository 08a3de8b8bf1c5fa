import { createHash, createHmac } from 'node:crypto';
import type { EpochSeconds, RevocationClaims } from '../oauth/index.ts';
import { createEndingMap, type EndingMap } from './ending-map.ts';
import type { RevocableToken } from './revocation-source.ts';

/** What is denied, as far as it is known. Entries are only ever added, and go when they have ended. */
export interface RevocationEntries {
  /** Adds what a document says; answers whether anything may be denied now that was not before. */
  add(claims: RevocationClaims, now: EpochSeconds): boolean;
  isDenied(token: RevocableToken): boolean;
  /** Forgets a part of what has ended. */
  tidy(now: EpochSeconds): void;
  readonly size: number;
}

interface Watermark {
  readonly issuedBefore: EpochSeconds;
  readonly expiresAt: EpochSeconds;
}

/** Watermarks of hashed ids. Another epoch of the issuer has another salt; what it said before stays under the old one. */
interface Salted {
  readonly salt: Buffer;
  readonly sub: EndingMap<Watermark>;
  readonly client: EndingMap<Watermark>;
  /** Of tokens that are remembered, which are asked about after every change. */
  readonly hashes: WeakMap<RevocableToken, { readonly sub: string; readonly client: string }>;
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
    const bytes = Buffer.from(salt, 'base64url');
    const made: Salted = { salt: bytes, sub: createMarks(), client: createMarks(), hashes: new WeakMap() };
    bySalt.set(salt, made);
    return made;
  }

  /** Every level denies by itself, so that the strongest watermark of all decides. */
  function isDenied(token: RevocableToken): boolean {
    const { jti, grantId, kid, issuedAt } = token;
    if (ids.jti.get(jti) !== undefined || ids.key.get(kid) !== undefined) return true;
    if (grantId !== undefined && ids.grant.get(grantId) !== undefined) return true;
    if (reaches(everything, issuedAt)) return true;
    for (const salted of bySalt.values()) {
      const { sub, client } = hashesOf(token, salted);
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

function hashesOf(token: RevocableToken, { salt, hashes }: Salted): { readonly sub: string; readonly client: string } {
  const known = hashes.get(token);
  if (known !== undefined) return known;
  const hash = (id: string) =>
    createHmac('sha256', salt).update(id).digest().subarray(0, HASH_BYTES).toString('base64url');
  const made = {
    sub: hash(token.subject),
    client: hash(createHash('sha256').update(token.clientId).digest('base64url')),
  };
  hashes.set(token, made);
  return made;
}
