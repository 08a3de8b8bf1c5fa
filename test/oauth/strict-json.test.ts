import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isJsonObject, parseJsonBytes, parseJsonObject } from '../../src/oauth/index.ts';

describe('a JSON object is read', () => {
  test.each([
    ['{}', {}],
    [' {"a": 1 }\r\n', { a: 1 }],
    ['{"a":{"a":{"a":null}},"b":[{"a":1},{"a":2}]}', { a: { a: { a: null } }, b: [{ a: 1 }, { a: 2 }] }],
    ['{"a:b":"c:d","e\\":\\"f":"\\\\"}', { 'a:b': 'c:d', 'e":"f': '\\' }],
    ['{"1":1,"01":2}', { 1: 1, '01': 2 }],
    ['{"":0}', { '': 0 }],
  ])('%s', (text, value) => {
    expect(parseJsonObject(text)).toEqual(value);
  });

  test.each([
    ['a name twice', '{"a":1,"a":1}'],
    ['a name twice with another value between', '{"a":1,"b":2,"a":3}'],
    ['a name twice, once escaped', '{"a":1,"\\u0061":2}'],
    ['a name twice below', '{"x":{"a":1,"a":2}}'],
    ['a name twice in an array', '{"x":[[{"a":1,"a":2}]]}'],
    ['the empty name twice', '{"":1,"":2}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['a name twice with objects inside, which hide one another', '{"a":{"b":1,"c":2},"a":{}}'],
    ['an array', '[]'],
    ['an array with an object', '[{}]'],
    ['null [AS-RG-71]', 'null'],
    ['a string [AS-RG-73]', '"x"'],
    ['a number', '7'],
    ['nothing', ''],
    ['a byte order mark', '\ufeff{}'],
    ['text behind it', '{} x'],
    ['two objects', '{}{}'],
    ['a NUL behind it', '{}\u0000'],
    ['a comment', '{/**/}'],
    ['a comma too many', '{"a":1,}'],
    ['a name without quotes', '{a:1}'],
    ['NaN', '{"a":NaN}'],
    ['a line feed in a string', '{"a":"\n"}'],
  ])('or refused: %s', (_, text) => {
    expect(parseJsonObject(text)).toBeUndefined();
  });

  test('to a depth of 32 and no deeper', () => {
    const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    const objects = (depth: number) => `${'{"a":'.repeat(depth)}{}${'}'.repeat(depth)}`;
    expect(parseJsonObject(nested(32))).toBeDefined();
    expect(parseJsonObject(nested(33))).toBeUndefined();
    expect(parseJsonObject(objects(32))).toBeDefined();
    expect(parseJsonObject(objects(33))).toBeUndefined();
    expect(parseJsonObject(nested(8_000))).toBeUndefined();
    expect(parseJsonObject('{"a":'.repeat(10_000))).toBeUndefined();
  });

  test('with __proto__ as a plain member that changes no prototype [AS-RG-76]', () => {
    const value = parseJsonObject('{"__proto__":{"admin":true},"constructor":1}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value?.['admin']).toBeUndefined();
    expect(Object.keys(value ?? {})).toEqual(['__proto__', 'constructor']);
    expect('admin' in {}).toBe(false);
  });

  test('as JSON.parse reads it, whenever it was written from a value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), fc.boolean(), (value, isPretty) => {
        const text = JSON.stringify(value, null, isPretty ? 2 : undefined);
        expect(parseJsonObject(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('but not with any of its members written again', () => {
    const value = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { minKeys: 1 });
    fc.assert(
      fc.property(value, fc.jsonValue({ maxDepth: 2 }), fc.nat(), (object, other, pick) => {
        const names = Object.keys(object);
        const repeated = `${JSON.stringify(names[pick % names.length])}:${JSON.stringify(other)}`;
        expect(parseJsonObject(`{${repeated},${JSON.stringify(object).slice(1)}`)).toBeUndefined();
      }),
    );
  });
});

describe('a JSON object is read from bytes', () => {
  test('as it is from text', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 3 })), (value) => {
        const text = JSON.stringify(value);
        expect(parseJsonBytes(Buffer.from(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ['bytes that are not UTF-8', [0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]],
    ['an overlong encoding', [0x7b, 0x22, 0xc0, 0xa2, 0x22, 0x3a, 0x31, 0x7d]],
    ['a surrogate in UTF-8', [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
    ['a byte order mark', [0xef, 0xbb, 0xbf, 0x7b, 0x7d]],
    ['UTF-16', [0x7b, 0x00, 0x7d, 0x00]],
    ['nothing', []],
  ])('or refused: %s', (_, bytes) => {
    expect(parseJsonBytes(Uint8Array.from(bytes))).toBeUndefined();
  });

  test('with distinct names only', () => {
    expect(parseJsonBytes(Buffer.from('{"é":1,"\\u00e9":2}'))).toBeUndefined();
    expect(parseJsonBytes(Buffer.from('{"é":1,"e":2}'))).toEqual({ é: 1, e: 2 });
  });
});

test.each([
  [{}, true],
  [Object.create(null), true],
  [[], false],
  [null, false],
  [undefined, false],
  ['{}', false],
])('%j is a JSON object: %s', (value, isObject) => {
  expect(isJsonObject(value)).toBe(isObject);
});

// Other people's data, read where it lies; see https://github.com/nst/JSONTestSuite.
const suite = new URL('../../../shared/vectors/json-test-suite/', import.meta.url);
const isSuiteHere = existsSync(suite);
if (!isSuiteHere) console.warn(`skipped: the JSON test suite is not at ${suite.pathname}`);

describe.skipIf(!isSuiteHere)('the JSON test suite', () => {
  const files = isSuiteHere ? readdirSync(suite).filter((name) => name.endsWith('.json')) : [];
  const read = (name: string) => readFileSync(new URL(encodeURIComponent(name), suite)).toString();
  const isObjectText = (text: string) => /^\s*\{/.test(text);

  test('is complete', () => {
    expect(files.length).toBeGreaterThan(300);
  });

  test.each(files.filter((name) => name.startsWith('n_')))('%s is refused', (name) => {
    expect(parseJsonObject(read(name))).toBeUndefined();
  });

  test.each(files.filter((name) => name.startsWith('y_')))(
    '%s is read when it is an object with distinct names',
    (name) => {
      const text = read(name);
      const isRepeated = name.startsWith('y_object_duplicated_key');
      if (isObjectText(text) && !isRepeated) expect(parseJsonObject(text)).toEqual(JSON.parse(text));
      else expect(parseJsonObject(text)).toBeUndefined();
    },
  );

  test.each(files.filter((name) => name.startsWith('i_')))('%s never throws', (name) => {
    const value = parseJsonObject(read(name));
    expect(value === undefined || isJsonObject(value)).toBe(true);
  });
});
