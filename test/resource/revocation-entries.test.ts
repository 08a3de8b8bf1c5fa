import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RevocationClaims } from '../../src/oauth/index.ts';
import type { RevocableToken } from '../../src/resource/index.ts';
import { createRevocationEntries } from '../../src/resource/revocations/revocation-entries.ts';
import { NOW } from './issuer.ts';

const EMPTY = { jti: [], grant: [], key: [], sub: [], client: [], all: [] };

function hash(salt: string, id: string): string {
  return createHmac('sha256', Buffer.from(salt, 'base64url')).update(id).digest().subarray(0, 16).toString('base64url');
}
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url');

interface Entry {
  readonly kind: 'jti' | 'grant' | 'key' | 'sub' | 'client' | 'all';
  readonly id: string;
  readonly issuedBefore: number;
  readonly expiresAt: number;
  readonly salt: string;
}

const anyId = fc.constantFrom('a', 'b', 'c');
const anyMoment = fc.integer({ min: NOW - 20, max: NOW + 20 });
const anyEntry: fc.Arbitrary<Entry> = fc.record({
  kind: fc.constantFrom('jti', 'grant', 'key', 'sub', 'client', 'all'),
  id: anyId,
  issuedBefore: anyMoment,
  expiresAt: fc.integer({ min: NOW - 3, max: NOW + 20 }),
  salt: fc.constantFrom('AAAA', 'BBBB'),
});
const anyToken: fc.Arbitrary<RevocableToken> = fc.record(
  { jti: anyId, grantId: anyId, kid: anyId, subject: anyId, clientId: anyId, issuedAt: anyMoment },
  { requiredKeys: ['jti', 'kid', 'subject', 'clientId', 'issuedAt'] },
);

/** A document with one entry. */
function documentOf({ kind, id, issuedBefore, expiresAt, salt }: Entry): RevocationClaims {
  const rows = {
    jti: [id, expiresAt],
    grant: [id, expiresAt],
    key: [id, expiresAt],
    sub: [hash(salt, id), issuedBefore, expiresAt],
    client: [hash(salt, sha256(id)), issuedBefore, expiresAt],
    all: [issuedBefore, expiresAt],
  };
  const base = { iss: '', iat: NOW, exp: NOW + 60, ttl: 5, epoch: 'e', seq: '1', salt };
  return { ...base, ...EMPTY, [kind]: [rows[kind]] } as unknown as RevocationClaims;
}

/** Whether one entry alone denies a token: the rule in words of its own. */
function denies({ kind, id, issuedBefore, expiresAt }: Entry, token: RevocableToken): boolean {
  if (expiresAt <= NOW) return false;
  const isOld = token.issuedAt <= issuedBefore;
  return {
    jti: token.jti === id,
    grant: token.grantId === id,
    key: token.kid === id,
    sub: token.subject === id && isOld,
    client: token.clientId === id && isOld,
    all: isOld,
  }[kind];
}

describe('what a validator knows to be denied', () => {
  test('is what any entry denies by itself: the effective watermark is the highest of all levels and epochs [I1]', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 15 }), anyToken, (entries, token) => {
        const known = createRevocationEntries();
        for (const entry of entries) known.add(documentOf(entry), NOW);

        expect(known.isDenied(token)).toBe(entries.some((entry) => denies(entry, token)));
      }),
      { numRuns: 1_000 },
    );
  });

  test('is never taken back by an entry that is added, and says when it may have grown [I1]', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 10 }), anyEntry, anyToken, (entries, added, token) => {
        const known = createRevocationEntries();
        for (const entry of entries) known.add(documentOf(entry), NOW);
        const before = known.isDenied(token);

        const isMore = known.add(documentOf(added), NOW);

        expect(known.isDenied(token) || !before).toBe(true);
        expect(isMore || known.isDenied(token) === before).toBe(true);
        expect(known.add(documentOf(added), NOW)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  test('does not depend on the order or number in which entries come', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 10 }), fc.array(anyToken, { maxLength: 5 }), (entries, tokens) => {
        const [one, other] = [createRevocationEntries(), createRevocationEntries()];
        for (const entry of entries) one.add(documentOf(entry), NOW);
        for (const entry of [...entries, ...entries].reverse()) other.add(documentOf(entry), NOW);

        expect(tokens.map((token) => one.isDenied(token))).toEqual(tokens.map((token) => other.isDenied(token)));
        expect(one.size).toBe(other.size);
      }),
    );
  });

  test('is forgotten after its end and never before, wherever the tidying stands', () => {
    const endings = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(endings, (lifetimes) => {
        const known = createRevocationEntries();
        const token = (jti: string) => ({ jti, kid: 'k', subject: 's', clientId: 'c', issuedAt: NOW });
        lifetimes.forEach((lifetime, index) => {
          const entry = {
            kind: index % 2 === 0 ? 'jti' : 'sub',
            id: `${index}`,
            issuedBefore: NOW,
            salt: 'AAAA',
          } as const;
          known.add(documentOf({ ...entry, expiresAt: NOW + lifetime }), NOW);
        });
        for (let now = NOW; now <= NOW + 80; now++) {
          known.tidy(now);
          lifetimes.forEach((lifetime, index) => {
            if (index % 2 === 0 && now < NOW + lifetime) expect(known.isDenied(token(`${index}`))).toBe(true);
          });
        }
        expect(known.size).toBe(0);
      }),
    );
  });
});
