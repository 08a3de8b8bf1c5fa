import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256, systemRandom } from '../../src/platform/index.ts';
import {
  createAccessTokens,
  createAuthorizationCodes,
  createRefreshTokens,
  createSealer,
} from '../../src/tokens/index.ts';
import { createTestKeyRing, testSecret } from '../support/keys.ts';

const keyId = testSecret('refresh').kid;
const tokens = createRefreshTokens({ keys: createTestKeyRing() });
const sixteenBytes = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'));
const handle = fc.record({
  familyId: sixteenBytes,
  nonce: sixteenBytes,
  generation: fc.oneof(fc.nat(), fc.constantFrom(0, 1, 2 ** 32 - 1)),
});

const HANDLE = { familyId: 'AAECAwQFBgcICQoLDA0ODw', nonce: 'EBESExQVFhcYGRobHB0eHw', generation: 7 };
const TOKEN = tokens.write({ ...HANDLE, keyId }) ?? '';

describe('a refresh token', () => {
  test('opens to the family, generation and nonce it was written from', () => {
    fc.assert(
      fc.property(handle, (written) => {
        const text = tokens.write({ ...written, keyId });
        expect(tokens.open(text ?? '')).toEqual({ ...written, nonceHash: sha256(written.nonce) });
        expect(text).toMatch(/^gmr_[A-Za-z0-9_-]{78}$/);
        expect(tokens.looksLikeOurs(text ?? '')).toBe(true);
      }),
    );
  });

  test('can be made again, and no other generation, family or nonce makes the same', () => {
    expect(tokens.write({ ...HANDLE, keyId })).toBe(TOKEN);
    fc.assert(
      fc.property(handle, handle, (one, other) => {
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        expect(tokens.write({ ...one, keyId }) === tokens.write({ ...other, keyId })).toBe(isSame);
      }),
    );
  });

  test('reaches generation 4,294,967,295', () => {
    const last = tokens.write({ ...HANDLE, generation: 2 ** 32 - 1, keyId });
    expect(tokens.open(last ?? '')?.generation).toBe(4_294_967_295);
  });

  test('cannot be forged by who knows one and reads the store: the MAC covers everything before it', () => {
    const body = Buffer.from(TOKEN.slice(4), 'base64url');
    const key = testSecret('refresh').secret;
    const mac = createHmac('sha256', key).update('guardmint refresh token\0').update(body.subarray(0, 42)).digest();
    expect(body.subarray(42)).toEqual(mac.subarray(0, 16));
    const next = Buffer.from(body);
    next.writeUInt32BE(8, 22);
    expect(tokens.open(`gmr_${next.toString('base64url')}`)).toBeUndefined();
  });

  test('is refused with any of its 464 bits flipped', () => {
    const body = Buffer.from(TOKEN.slice(4), 'base64url');
    expect(body).toHaveLength(58);
    for (let bit = 0; bit < body.length * 8; bit++) {
      const flipped = Buffer.from(body);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(tokens.open(`gmr_${flipped.toString('base64url')}`), `bit ${bit}`).toBeUndefined();
    }
  });

  test.each([
    ['spare bits [JWT-ONCE-10]', `${TOKEN.slice(0, -1)}${String.fromCharCode(TOKEN.charCodeAt(TOKEN.length - 1) + 1)}`],
    ['padding [JWT-ONCE-12]', `${TOKEN}=`],
    ['padding in full', `${TOKEN}==`],
    ['a space [JWT-ONCE-13]', `${TOKEN} `],
    ['CR LF [JWT-ONCE-15]', `${TOKEN}\r\n`],
    ['a line feed in place of a character', `${TOKEN.slice(0, -1)}\n`],
    ['NUL', `${TOKEN}\0`],
    ['a space in front', ` ${TOKEN}`],
    ['a byte more', `${TOKEN}A`],
    ['a byte less', TOKEN.slice(0, -1)],
    ['the prefix in upper case', TOKEN.replace('gmr_', 'GMR_')],
    ['the prefix twice', `gmr_${TOKEN}`],
    ['no prefix', TOKEN.slice(4)],
    ['the prefix alone', 'gmr_'],
    ['nothing', ''],
    ['zeros', `gmr_${'A'.repeat(78)}`],
  ])('is refused in another spelling: %s', (_, text) => {
    expect(tokens.open(TOKEN)).toBeDefined();
    expect(text).not.toBe(TOKEN);
    expect(tokens.open(text)).toBeUndefined();
  });

  test('has one spelling: whatever opens is what would be written', () => {
    const change = fc.tuple(fc.nat({ max: TOKEN.length }), fc.nat({ max: 2 }), fc.string({ maxLength: 2 }));
    fc.assert(
      fc.property(change, ([at, cut, text]) => {
        const changed = TOKEN.slice(0, at) + text + TOKEN.slice(at + cut);
        expect(tokens.open(changed) !== undefined).toBe(changed === TOKEN);
      }),
      { numRuns: 2_000 },
    );
  });

  test('is refused under a key that is not ours, and under one that is gone', () => {
    const foreign = createRefreshTokens({ keys: createTestKeyRing({ secrets: ['foreign'] }) });
    expect(foreign.open(TOKEN)).toBeUndefined();
    expect(foreign.write({ ...HANDLE, keyId })).toBeUndefined();
    expect(
      tokens.open(foreign.write({ ...HANDLE, keyId: testSecret('refresh', 'foreign').kid }) ?? ''),
    ).toBeUndefined();
    expect(tokens.write({ ...HANDLE, keyId: testSecret('sealing').kid })).toBeUndefined();
  });

  test('survives a rotation of its key, and is made again under the key it was made with', () => {
    const rotated = createRefreshTokens({ keys: createTestKeyRing({ secrets: ['two', 'one'] }) });
    expect(rotated.open(TOKEN)).toMatchObject(HANDLE);
    expect(rotated.write({ ...HANDLE, keyId })).toBe(TOKEN);
    expect(rotated.write({ ...HANDLE, keyId: testSecret('refresh', 'two').kid })).not.toBe(TOKEN);
  });

  test('is no access token [JWT-TYP-06] and no code', async () => {
    const keys = createTestKeyRing();
    const access = createAccessTokens({ keys, issuer: 'https://as.example', random: systemRandom, lifetime: 600 });
    const { token } = await access.issue(
      { subject: 'a', clientId: 'c', resource: 'https://mcp.example', scope: [] },
      0,
    );
    const codes = createAuthorizationCodes({
      sealer: createSealer({ keys, clock: () => 0 }),
      random: systemRandom,
      lifetime: 60,
    });
    const { code } = await codes.issue({
      client: 'c',
      clientName: 'c',
      redirectUri: 'https://client.example/cb',
      redirectUriProvided: true,
      challenge: 'c',
      scope: [],
      resource: 'https://mcp.example',
      sub: 'a',
      authTime: 0,
      amr: [],
    });
    for (const other of [token, code]) {
      expect(tokens.looksLikeOurs(other)).toBe(false);
      expect(tokens.open(other)).toBeUndefined();
      expect(tokens.open(`gmr_${other}`)).toBeUndefined();
    }
  });

  test('may be any text without an error', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^gmr_[A-Za-z0-9_-]{78}$/));
    fc.assert(fc.property(text, (one) => tokens.open(one) === undefined));
  });
});
