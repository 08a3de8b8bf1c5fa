import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normaliseUsername, preparePassword } from '../../src/interaction/credentials.ts';
import { hashPassword, verifyPassword } from '../../src/interaction/password-hash.ts';
import { displayName } from '../../src/interaction/ticket.ts';
import { networkOf, systemRandom } from '../../src/platform/index.ts';

describe('usernames', () => {
  test('have one spelling: writing it again changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        const once = normaliseUsername(text);
        if (once !== undefined) expect(normaliseUsername(once)).toBe(once);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['Alice', 'alice'],
    [' bob@Example.COM ', 'bob@example.com'],
    ['ＣＡＲＯＬ', 'carol'],
    ['Ångström', 'ångström'],
    ['김철수', '김철수'],
  ])('%j is %j', (text, username) => {
    expect(normaliseUsername(text)).toBe(username);
  });
});

describe('passwords', () => {
  test('are the same however the system that typed them composes letters and spaces [RFC 8265 §4.2]', () => {
    expect(preparePassword('cafe\u0301\u00a0au\u3000lait')).toBe('café au lait');
    expect(preparePassword('')).toBeUndefined();
  });

  test('are verified against their own hash only, which is a PHC string with its own salt', async () => {
    const one = await hashPassword('correct horse', systemRandom);
    const other = await hashPassword('correct horse', systemRandom);

    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).not.toBe(other);
    expect(await verifyPassword('correct horse', one)).toBe(true);
    expect(await verifyPassword('correct horsf', one)).toBe(false);
  });

  test('are verified against a hash another program made', async () => {
    // The reference implementation of Argon2: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1
    const foreign = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';

    expect(await verifyPassword('password', foreign)).toBe(true);
    expect(await verifyPassword('Password', foreign)).toBe(false);
  });

  test.each([
    '',
    'plain',
    '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=8,t=2,p=4$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  ])('match no hash that is none: %j', async (text) => {
    expect(await verifyPassword('password', text)).toBe(false);
  });
});

describe('what a subscriber holds', () => {
  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
  ])('%s is in %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

describe('a name a client chose', () => {
  test('is at most 60 visible characters on one line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (name) => {
        const shown = displayName(name);
        expect(Array.from(shown).length).toBeLessThanOrEqual(60);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
      { numRuns: 1000 },
    );
  });
});
