import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coversScope, expandScope, formatScope, isScopeToken, narrowScope, parseScope } from '../../src/oauth/index.ts';

const name = fc.stringMatching(/^[\x21\x23-\x5b\x5d-\x7e]{1,12}$/);
const malformed = expect.objectContaining({ reason: 'scope_malformed' });

describe('a scope is read', () => {
  test.each([
    ['one name', 'read', ['read']],
    ['several names, in the order given', 'b a c', ['b', 'a', 'c']],
    ['a name twice', 'a b a', ['a', 'b']],
    ['spaces around and doubled', '  a   b ', ['a', 'b']],
    ['names as other providers write them', 'mcp:tools https://a.example/x.y offline_access', undefined],
    ['names that differ in case', 'Read read', ['Read', 'read']],
    ['names that mean something to JavaScript', '__proto__ constructor', ['__proto__', 'constructor']],
  ])('%s', (_, text, names) => {
    expect(parseScope(text)).toEqual(names ?? text.split(' '));
  });

  test.each([[undefined], [''], [' '], ['    ']])('%j asks for nothing', (text) => {
    expect(parseScope(text)).toBeUndefined();
  });

  test.each([['a\tb'], ['a\nb'], ['a"b'], ['a\\b'], ['é'], ['a\u00a0b'], ['a\u0000'], ['\u200ba'], ['a\u007f']])(
    '%j is malformed (RFC 6749 §3.3)',
    (text) => {
      expect(() => parseScope(text)).toThrow(malformed);
      expect(isScopeToken(text)).toBe(false);
    },
  );

  test('of 100 names is accepted, of 101 is not', () => {
    const names = Array.from({ length: 101 }, (_, index) => `s${index}`);
    expect(parseScope(names.slice(0, 100).join(' '))).toHaveLength(100);
    expect(() => parseScope(names.join(' '))).toThrow(malformed);
  });

  test('and written gives the same scope again', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 20 }), (names) => {
        expect(parseScope(formatScope(names))).toEqual(names);
      }),
    );
  });

  test.each([['read'], ['mcp:tools'], ['!'], ['~']])('%s is one scope name', (token) => {
    expect(isScopeToken(token)).toBe(true);
  });

  test.each([[''], [' '], ['a b']])('%j is no scope name', (token) => {
    expect(isScopeToken(token)).toBe(false);
  });
});

describe('a scope covers', () => {
  const hierarchy = { admin: ['write'], write: ['read'], loop: ['pool'], pool: ['loop', 'read'] };

  test.each([
    [['admin'], ['read', 'write', 'admin'], true],
    [['write'], ['admin'], false],
    [['loop'], ['read', 'pool'], true],
    [['read'], [], true],
    [[], ['read'], false],
    [['constructor'], ['read'], false],
    [['other'], ['other'], true],
  ])('%j asked for %j: %s', (granted, required, isCovered) => {
    expect(coversScope(granted, required, hierarchy)).toBe(isCovered);
  });

  test('nothing but itself without a hierarchy', () => {
    expect(coversScope(['admin'], ['read'])).toBe(false);
  });

  test('what it reaches, and reaching again adds nothing', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    fc.assert(
      fc.property(fc.dictionary(names, fc.array(names)), fc.array(names), (implies, scope) => {
        const once = expandScope(scope, implies);
        expect([...expandScope([...once], implies)].sort()).toEqual([...once].sort());
        expect(coversScope(scope, [...once], implies)).toBe(true);
      }),
    );
  });
});

describe('a refresh', () => {
  test('that names no scope gets what was granted', () => {
    expect(narrowScope(undefined, ['a', 'b'])).toEqual(['a', 'b']);
  });

  test('gets less when it asks for less', () => {
    expect(narrowScope(['b'], ['a', 'b'])).toEqual(['b']);
    expect(narrowScope(['read'], ['admin'], { admin: ['read'] })).toEqual(['read']);
  });

  test('never gets more than was granted (RFC 6749 §6)', () => {
    fc.assert(
      fc.property(fc.array(name), fc.array(name), (granted, requested) => {
        const isLess = requested.every((one) => granted.includes(one));
        const narrow = () => narrowScope(requested, granted);
        if (isLess) expect(narrow()).toEqual(requested);
        else expect(narrow).toThrow(expect.objectContaining({ reason: 'scope_not_allowed' }));
      }),
    );
  });
});
