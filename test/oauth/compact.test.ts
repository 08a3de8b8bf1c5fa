import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isCanonicalBase64url, MAX_COMPACT_LENGTH, splitCompact } from '../../src/oauth/index.ts';

const bytes = fc.uint8Array({ minLength: 1, maxLength: 70 });
const segment = bytes.map((value) => Buffer.from(value).toString('base64url'));
const jws = fc.tuple(segment, segment, segment).map((segments) => segments.join('.'));
const jwe = fc.tuple(segment, segment, segment, segment).map(([head, ...rest]) => [head, '', ...rest].join('.'));

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

describe('one spelling of bytes', () => {
  test('is what an encoder writes', () => {
    fc.assert(fc.property(segment, isCanonicalBase64url));
    expect(isCanonicalBase64url('')).toBe(true);
  });

  test('is the only one: what decodes to the same bytes is that text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.base64String(), fc.stringMatching(/^[A-Za-z0-9_-]{0,9}$/), fc.string()), (text) => {
        expect(isCanonicalBase64url(text)).toBe(Buffer.from(text, 'base64url').toString('base64url') === text);
      }),
      { numRuns: 2_000 },
    );
  });

  test('for every last character there is', () => {
    for (const prefix of ['A', 'AB', 'ABC', 'ABCD']) {
      for (const last of ALPHABET) {
        const text = prefix + last;
        expect(isCanonicalBase64url(text), text).toBe(Buffer.from(text, 'base64url').toString('base64url') === text);
      }
    }
  });
});

/** Other spellings that jose or Node would take for the same token. */
const RESPELLINGS: readonly [string, (segment: string, at: number) => string][] = [
  ['padding appended [JWT-SER-03]', (text) => `${text}=`],
  ['padding doubled', (text) => `${text}==`],
  ['escaped padding [JWT-SER-20]', (text) => `${text}%3D`],
  ['a space appended [JWT-SER-07]', (text) => `${text} `],
  ['a space in front', (text) => ` ${text}`],
  ['a tab inside [JWT-SER-08]', (text, at) => `${text.slice(0, at)}\t${text.slice(at)}`],
  ['a tab appended [JWT-SER-09]', (text) => `${text}\t`],
  ['a line feed appended [JWT-SER-11]', (text) => `${text}\n`],
  ['CR LF inside [JWT-SER-12]', (text, at) => `${text.slice(0, at)}\r\n${text.slice(at)}`],
  ['CR LF appended [JWT-SER-13]', (text) => `${text}\r\n`],
  ['a form feed inside [JWT-SER-14]', (text, at) => `${text.slice(0, at)}\f${text.slice(at)}`],
  ['NUL appended [JWT-SER-17]', (text) => `${text}\0`],
  ['a zero-width space appended [JWT-SER-19]', (text) => `${text}\u200b`],
  ['a semicolon appended [JWT-SER-23]', (text) => `${text};`],
  ['a byte order mark in front', (text) => `\ufeff${text}`],
];

describe('the canonical gate', () => {
  test('lets a compact JWS and a compact JWE through, whole', () => {
    fc.assert(fc.property(jws, (token) => splitCompact(token, 3)?.join('.') === token));
    fc.assert(fc.property(jwe, (token) => splitCompact(token, 5)?.join('.') === token));
  });

  test.each(RESPELLINGS)('refuses a token re-spelled in any segment: %s', (_, respell) => {
    fc.assert(
      fc.property(fc.oneof(jws, jwe), fc.nat(), fc.nat(), (token, pick, at) => {
        const segments = token.split('.');
        const index = pick % segments.length;
        const text = segments[index] ?? '';
        segments[index] = respell(text, text === '' ? 0 : at % text.length);
        expect(splitCompact(segments.join('.'), segments.length === 5 ? 5 : 3)).toBeUndefined();
      }),
    );
  });

  test('refuses the standard alphabet [JWT-SER-05]', () => {
    expect(splitCompact('-_-_.-_-_.-_-_', 3)).toBeDefined();
    expect(splitCompact('-_-_.-_-_.+/+/', 3)).toBeUndefined();
  });

  test('refuses spare bits that are set, in any segment [JWT-SER-01]', () => {
    fc.assert(
      fc.property(fc.oneof(jws, jwe), fc.nat(), fc.integer({ min: 1, max: 15 }), (token, pick, bits) => {
        const segments = token.split('.');
        const index = pick % segments.length;
        const text = segments[index] ?? '';
        const spare = { 0: 0, 2: 4, 3: 2 }[text.length % 4] ?? 0;
        const set = bits & ((1 << spare) - 1);
        if (set === 0) return;
        segments[index] = text.slice(0, -1) + ALPHABET[ALPHABET.indexOf(text.at(-1) ?? '') | set];
        expect(splitCompact(segments.join('.'), segments.length === 5 ? 5 : 3)).toBeUndefined();
      }),
    );
  });

  test('refuses every change of a token that decodes to the same bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(jws, jwe),
        fc.nat(),
        fc.string({ minLength: 0, maxLength: 2 }),
        fc.nat({ max: 2 }),
        (token, at, text, cut) => {
          const count = token.split('.').length === 5 ? 5 : 3;
          const index = at % (token.length + 1);
          const changed = token.slice(0, index) + text + token.slice(index + cut);
          const decoded = (one: string) =>
            one
              .split('.')
              .map((part) => Buffer.from(part, 'base64url').toString('hex'))
              .join('.');
          if (changed !== token && decoded(changed) === decoded(token))
            expect(splitCompact(changed, count)).toBeUndefined();
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test.each([
    ['nothing', '', 3],
    ['dots alone', '..', 3],
    ['dots alone', '....', 5],
    ['no signature (an unsecured JWS)', 'e30.e30.', 3],
    ['no payload', 'e30..AAAA', 3],
    ['two segments', 'e30.e30', 3],
    ['four segments', 'e30.e30.e30.e30', 3],
    ['a JWS where a JWE is wanted', 'e30.e30.AAAA', 5],
    ['a JWE where a JWS is wanted', 'e30..AAAA.AAAA.AAAA', 3],
    ['a JWE with an encrypted key', 'e30.AAAA.AAAA.AAAA.AAAA', 5],
    ['a JWE without a tag', 'e30..AAAA.AAAA.', 5],
    ['a JWE without a header', '..AAAA.AAAA.AAAA', 5],
    ['the JSON serialization', '{"protected":"e30","payload":"e30","signature":"AAAA"}', 3],
    ['another dot', 'e30\u3002e30\u3002AAAA', 3],
  ] as const)('refuses %s: %s', (_, token, count) => {
    expect(splitCompact(token, count)).toBeUndefined();
  });

  test('refuses what is longer than 16,384 characters', () => {
    const token = `e30.e30.${'A'.repeat(MAX_COMPACT_LENGTH - 8)}`;
    expect(splitCompact(token, 3)).toBeDefined();
    expect(splitCompact(token.replace('e30.', 'e30A.'), 3)).toBeUndefined();
    expect(splitCompact('.'.repeat(10_000_000), 3)).toBeUndefined();
  });
});
