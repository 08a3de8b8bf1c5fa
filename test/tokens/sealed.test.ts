import { createCipheriv, createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { CompactEncrypt, compactDecrypt, generateKeyPair } from 'jose';
import { describe, expect, test } from 'vitest';
import type { KeyRing } from '../../src/keys/index.ts';
import { createSealer, type SealedType } from '../../src/tokens/index.ts';
import { createTestKeyRing, testSecret, testSigner } from '../support/keys.ts';

const NOW = 1_700_000_000;
const KEY = testSecret('sealing');
const HEADER = { alg: 'dir', enc: 'A256GCM', kid: KEY.kid, typ: 'code+jwe' };
const CLAIMS = { jti: 'AAAA', sub: 'älice', iat: NOW, exp: NOW + 60 };

const sealerAt = (now: number, secrets: readonly string[] = ['one']) =>
  createSealer({ keys: createTestKeyRing({ secrets }), clock: () => now });

/** A compact JWE made with Node's own crypto: any header over A256GCM, any plaintext, any key. */
function encrypt(header: object | string, plaintext: string | Uint8Array, key: KeyObject = KEY.secret): string {
  const head = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header)).toString('base64url');
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(head));
  const body = Buffer.concat([cipher.update(Buffer.from(plaintext as string)), cipher.final()]);
  return [
    head,
    '',
    iv.toString('base64url'),
    body.toString('base64url'),
    cipher.getAuthTag().toString('base64url'),
  ].join('.');
}

describe('what is sealed', () => {
  test('is opened again, with the times it was sealed at and ends at', async () => {
    const text = await sealerAt(NOW).seal('session+jwe', { sub: 'älice', list: [1, { a: null }] }, 60);
    expect(await sealerAt(NOW).open('session+jwe', text)).toEqual({
      sub: 'älice',
      list: [1, { a: null }],
      iat: NOW,
      exp: NOW + 60,
    });
  });

  test('is a compact JWE, dir and A256GCM, that an independent implementation opens', async () => {
    const text = await sealerAt(NOW).seal('code+jwe', { sub: 'a' }, 60);
    const { protectedHeader, plaintext } = await compactDecrypt(text, KEY.secret);
    expect(protectedHeader).toEqual(HEADER);
    expect(JSON.parse(Buffer.from(plaintext).toString())).toEqual({ sub: 'a', iat: NOW, exp: NOW + 60 });
    expect(text).toMatch(/^[A-Za-z0-9._-]+$/);
  });

  test('is never the same text twice', async () => {
    const sealer = sealerAt(NOW);
    const texts = await Promise.all(Array.from({ length: 50 }, () => sealer.seal('code+jwe', {}, 60)));
    expect(new Set(texts.map((text) => text.split('.')[2])).size).toBe(50);
  });

  test('keeps its own times, whatever the claims say', async () => {
    const text = await sealerAt(NOW).seal('code+jwe', { iat: 1, exp: NOW + 1_000_000 }, 60);
    expect(await sealerAt(NOW).open('code+jwe', text)).toEqual({ iat: NOW, exp: NOW + 60 });
  });

  test('ends in its last second and can then still be told from what is not ours', async () => {
    const text = await sealerAt(NOW).seal('code+jwe', { sub: 'a' }, 60);
    expect(await sealerAt(NOW + 59).open('code+jwe', text)).toBeDefined();
    expect(await sealerAt(NOW + 60).open('code+jwe', text)).toBeUndefined();
    expect(await sealerAt(NOW + 60).openEnded('code+jwe', text)).toMatchObject({ sub: 'a', exp: NOW + 60 });
    expect(await sealerAt(NOW).openEnded('code+jwe', `${text}A`)).toBeUndefined();
  });

  test('stands for nothing but its own use', async () => {
    const types: SealedType[] = [
      'code+jwe',
      'request+jwe',
      'session+jwe',
      'browser+jwe',
      'form+jwe',
      'consent+jwe',
      'upstream+jwe',
      'par+jwe',
      'nonce+jwe',
    ];
    const sealer = sealerAt(NOW);
    for (const sealed of types) {
      const text = await sealer.seal(sealed, { sub: 'a' }, 60);
      for (const opened of types) {
        expect((await sealer.openEnded(opened, text)) !== undefined, `${sealed} as ${opened}`).toBe(sealed === opened);
      }
    }
  });

  test('survives a rotation of its key and not its removal', async () => {
    const text = await sealerAt(NOW, ['one']).seal('code+jwe', { sub: 'a' }, 60);
    expect(await sealerAt(NOW, ['two', 'one']).open('code+jwe', text)).toMatchObject({ sub: 'a' });
    expect(await sealerAt(NOW, ['two']).open('code+jwe', text)).toBeUndefined();
    expect(
      await sealerAt(NOW, ['one']).open('code+jwe', await sealerAt(NOW, ['two', 'one']).seal('code+jwe', {}, 60)),
    ).toBeUndefined();
  });
});

describe('a sealed text is refused', () => {
  test.each([
    [
      'spare bits in its tag [JWT-ONCE-01]',
      4,
      (part: string) => part.slice(0, -1) + String.fromCharCode(part.charCodeAt(part.length - 1) + 1),
    ],
    [
      'spare bits in its ciphertext [JWT-ONCE-02]',
      3,
      (part: string) => part.slice(0, -1) + String.fromCharCode(part.charCodeAt(part.length - 1) + 1),
    ],
    ['padding appended [JWT-ONCE-03]', 4, (part: string) => `${part}==`],
    ['a space appended [JWT-ONCE-04]', 4, (part: string) => `${part} `],
    ['a line feed in its IV [JWT-ONCE-05]', 2, (part: string) => `${part.slice(0, 4)}\n${part.slice(4)}`],
    ['CR LF appended [JWT-ONCE-06]', 4, (part: string) => `${part}\r\n`],
    ['an encrypted key', 1, () => 'AAAA'],
    ['half a tag', 4, (part: string) => part.slice(0, 11)],
    ['no tag', 4, () => ''],
    ['a longer IV', 2, (part: string) => `${part}AAAA`],
  ])('in another spelling: %s', async (_, index, respell) => {
    const segments = encrypt(HEADER, JSON.stringify({ ...CLAIMS, pad: 'xx' })).split('.');
    const text = segments.map((part, at) => (at === index ? respell(part) : part)).join('.');
    expect(await sealerAt(NOW).openEnded('code+jwe', segments.join('.'))).toBeDefined();
    expect(await sealerAt(NOW).openEnded('code+jwe', text)).toBeUndefined();
  });

  test('with bytes moved between ciphertext and tag', async () => {
    const [head = '', , iv = '', body = '', tag = ''] = encrypt(HEADER, JSON.stringify(CLAIMS)).split('.');
    const all = Buffer.concat([Buffer.from(body, 'base64url'), Buffer.from(tag, 'base64url')]);
    for (const cut of [-19, -17, -15, -13, -12, -8, -4]) {
      const text = [
        head,
        '',
        iv,
        all.subarray(0, cut).toString('base64url'),
        all.subarray(cut).toString('base64url'),
      ].join('.');
      expect(await sealerAt(NOW).openEnded('code+jwe', text), String(cut)).toBeUndefined();
    }
  });

  test('with any character changed', async () => {
    const sealer = sealerAt(NOW);
    const text = await sealer.seal('code+jwe', { sub: 'a' }, 60);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: text.length - 1 }),
        fc.constantFrom(...'ABCxyz019-_.= \n'),
        async (index, other) => {
          fc.pre(text[index] !== other);
          return (
            (await sealer.openEnded('code+jwe', text.slice(0, index) + other + text.slice(index + 1))) === undefined
          );
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test.each<[string, object | string]>([
    [
      'PBES2 with two thousand million rounds [JWT-JWE-01]',
      { ...HEADER, alg: 'PBES2-HS256+A128KW', p2s: 'AAAAAAAAAAAAAAAA', p2c: 2_147_483_647 },
    ],
    ['RSA1_5 [JWT-JWE-03]', { ...HEADER, alg: 'RSA1_5' }],
    ['RSA-OAEP [JWT-JWE-04]', { ...HEADER, alg: 'RSA-OAEP-256' }],
    ['ECDH-ES [JWT-JWE-05]', { ...HEADER, alg: 'ECDH-ES', epk: { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' } }],
    ['an off-curve key [JWT-JWE-06]', { ...HEADER, epk: { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' } }],
    ['A128GCM [JWT-JWE-08]', { ...HEADER, enc: 'A128GCM' }],
    ['A256CBC-HS512 [JWT-JWE-09]', { ...HEADER, enc: 'A256CBC-HS512' }],
    ['A256KW', { ...HEADER, alg: 'A256KW' }],
    ['A256GCMKW', { ...HEADER, alg: 'A256GCMKW', iv: 'AAAA', tag: 'AAAA' }],
    ['no encryption', { ...HEADER, alg: 'none' }],
    ['alg in other case', { ...HEADER, alg: 'DIR' }],
    ['compression', { ...HEADER, zip: 'DEF' }],
    ['rounds', { ...HEADER, p2c: 1 }],
    ['a critical extension', { ...HEADER, crit: ['exp'], exp: 1 }],
    ['a content type', { ...HEADER, cty: 'JWT' }],
    ['a key of its own', { ...HEADER, jwk: { kty: 'oct', k: 'AAAA' } }],
    ['the location of a key', { ...HEADER, jku: 'https://evil.example/jwks' }],
    ['no typ', { alg: 'dir', enc: 'A256GCM', kid: KEY.kid }],
    ['a typ in other case', { ...HEADER, typ: 'CODE+JWE' }],
    ['no kid', { alg: 'dir', enc: 'A256GCM', typ: 'code+jwe' }],
    ['a kid that is a number', { ...HEADER, kid: 7 }],
    ['an unknown kid', { ...HEADER, kid: 'x' }],
    ['the kid of another family', { ...HEADER, kid: testSecret('refresh').kid }],
    ['a repeated member', JSON.stringify(HEADER).replace('{', '{"alg":"none",')],
    ['no object', '[]'],
    ['no JSON', 'x'],
  ])('for its header, before any key is used: %s', async (_, header) => {
    const ring = createTestKeyRing();
    const touched: string[] = [];
    const watched = {
      kid: KEY.kid,
      family: 'sealing' as const,
      get secret(): KeyObject {
        touched.push('secret');
        return KEY.secret;
      },
    };
    const keys: KeyRing = {
      ...ring,
      findSecret: (family, kid) => (family === 'sealing' && kid === KEY.kid ? watched : undefined),
    };
    const sealer = createSealer({ keys, clock: () => NOW });
    expect(await sealer.openEnded('code+jwe', encrypt(header, JSON.stringify(CLAIMS)))).toBeUndefined();
    expect(touched).toEqual([]);
    expect(await sealer.openEnded('code+jwe', encrypt(HEADER, JSON.stringify(CLAIMS)))).toEqual(CLAIMS);
    expect(touched).toEqual(['secret']);
  });

  test('when another key sealed it [JWT-JWE-15]', async () => {
    const foreign = [testSecret('sealing', 'foreign'), testSecret('client'), testSecret('refresh')];
    for (const { secret } of foreign) {
      expect(
        await sealerAt(NOW).openEnded('code+jwe', encrypt(HEADER, JSON.stringify(CLAIMS), secret)),
      ).toBeUndefined();
    }
  });

  test('when it is encrypted to a key we publish [JWT-JWE-04]', async () => {
    const publicKey = createPublicKey(testSigner('RS256').privateKey);
    const pair = await generateKeyPair('ECDH-ES');
    const plaintext = new TextEncoder().encode(JSON.stringify(CLAIMS));
    for (const [alg, key] of [
      ['RSA-OAEP-256', publicKey],
      ['ECDH-ES', pair.publicKey],
    ] as const) {
      const text = await new CompactEncrypt(plaintext).setProtectedHeader({ ...HEADER, alg }).encrypt(key);
      expect(await sealerAt(NOW).openEnded('code+jwe', text)).toBeUndefined();
    }
  });

  test.each<[string, string | Uint8Array]>([
    ['no JSON [JWT-JWE-18]', 'x'],
    ['a list', '[]'],
    ['a repeated member', '{"sub":"a","sub":"b","iat":1,"exp":9999999999}'],
    ['bytes that are no UTF-8', Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ])('when our own key sealed %s', async (_, plaintext) => {
    expect(await sealerAt(NOW).openEnded('code+jwe', encrypt(HEADER, plaintext))).toBeUndefined();
  });

  test.each([
    ['{"sub":"a"}'],
    ['{"sub":"a","iat":1}'],
    ['{"exp":9999999999}'],
    ['{"iat":1,"exp":"9999999999"}'],
    ['{"iat":1,"exp":1e999}'],
  ])('when it has no times: %s', async (plaintext) => {
    expect(await sealerAt(NOW).openEnded('code+jwe', encrypt(HEADER, plaintext))).toBeUndefined();
  });

  test('when it is anything at all, without an error', async () => {
    const sealer = sealerAt(NOW);
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[\w-]*\.\.[\w-]*\.[\w-]*\.[\w-]*$/));
    await fc.assert(fc.asyncProperty(text, async (one) => (await sealer.open('code+jwe', one)) === undefined));
    expect(await sealer.open('code+jwe', '.'.repeat(1_000_000))).toBeUndefined();
  });
});
