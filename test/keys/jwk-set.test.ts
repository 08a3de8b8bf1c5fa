import { describe, expect, it } from 'vitest';
import { createJwkSet, type KeyRecord, type PublicJwk, settle } from '../../src/keys/index.ts';

const publicJwk = (kid: string): PublicJwk => ({ kty: 'OKP', crv: 'Ed25519', x: 'x', kid, alg: 'EdDSA', use: 'sig' });
const key = (kid: string, times: readonly number[], more: Partial<KeyRecord> = {}): KeyRecord => {
  const [createdAt = 0, publishAt = 0, activateAt = 0, retireAt = 0, removeAt = 0] = times;
  const records = { createdAt, publishAt, activateAt, retireAt, removeAt };
  return { kid, family: 'signing', alg: 'EdDSA', ...records, publicJwk: publicJwk(kid), ...more };
};
const LINE = [
  key('pending', [0, 6000, 9000, 12_000, 13_000]),
  key('next', [0, 0, 7000, 9000, 10_000]),
  key('active', [0, 0, 4000, 7000, 8000]),
  key('revoked', [0, 0, 3900, 7000, 8000], { revokedAt: 3950 }),
  key('retiring', [0, 0, 2000, 3900, 5500], { removeAt: 5500 }),
  key('removed', [0, 0, 1000, 2000, 2500]),
];
const at = (now: number, line: readonly KeyRecord[] = LINE) => createJwkSet(settle(line, now), now);
const kids = (body: string) => JSON.parse(body).keys.map((jwk: PublicJwk) => jwk.kid);

describe('the JWK Set', () => {
  it('has the retiring, active and next keys, never one that is pending, revoked or removed', () => {
    expect(kids(at(5000).body)).toEqual(['retiring', 'active', 'next']);
  });

  it('has whole public keys with kid, alg and use', () => {
    expect(JSON.parse(at(5000).body).keys[1]).toEqual({ ...publicJwk('active') });
  });

  it('is the same text under the same strong entity tag in whatever order the keys were read', () => {
    const set = at(5000);
    expect(at(5000, LINE.toReversed())).toEqual(set);
    expect(set.etag).toMatch(/^"[A-Za-z0-9_-]{43}"$/);
  });

  it('has another entity tag exactly when it has another text', () => {
    expect(at(5001).etag).toBe(at(5000).etag);
    expect(at(5500).etag).not.toBe(at(5000).etag);
  });

  it('may be kept for 300 seconds, and never beyond the next change', () => {
    // 5500: one is removed; 6000: one is published; 7000: one comes into force and its successor is published.
    const ages = [5000, 5200, 5201, 5499, 5500, 5700, 5999, 6000, 6700, 6999].map((now) => at(now).maxAge);
    expect(ages).toEqual([300, 300, 299, 1, 300, 300, 1, 300, 300, 1]);
  });

  it('may be kept while a key is in force beyond its plan', () => {
    expect(at(20_000, [key('late', [0, 0, 1, 2, 3])])).toMatchObject({ maxAge: 300 });
  });
});
