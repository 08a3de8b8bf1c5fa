import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseForm } from '../../src/oauth/index.ts';

describe('a form', () => {
  test.each([
    ['a value', 'a=1', 'a', '1'],
    ['a plus as a space', 'a=x+y', 'a', 'x y'],
    ['an escaped plus', 'a=x%2By', 'a', 'x+y'],
    ['escapes in a name', '%61=1', 'a', '1'],
    ['UTF-8', 'a=%C3%A9', 'a', 'é'],
    ['UTF-8 that is not escaped', 'a=é', 'a', 'é'],
    ['an equals sign in the value', 'a=b=c', 'a', 'b=c'],
    ['brackets as part of a name', 'a[b]=1', 'a[b]', '1'],
    ['dots as part of a name', 'a.b=1', 'a.b', '1'],
    ['a name that means something to JavaScript', '__proto__=x', '__proto__', 'x'],
    ['ampersands too many', '&&a=1&&', 'a', '1'],
    ['an escape of no number, as it stands', 'a=%zz', 'a', '%zz'],
    ['half an escape, as it stands', 'a=1%', 'a', '1%'],
    ['bytes that are no UTF-8, as the replacement character', 'a=%FF', 'a', '\ufffd'],
    ['NUL', 'a=%00', 'a', '\0'],
    ['a question mark at the start of a name', '?a=1', '?a', '1'],
    ['a semicolon as part of the value', 'a=1;b=2', 'a', '1;b=2'],
  ])('reads %s', (_, text, name, value) => {
    expect(parseForm(text).get(name)).toBe(value);
    expect(parseForm(text).repeated).toEqual([]);
  });

  test.each([
    ['nothing', '', 'a'],
    ['another name', 'b=1', 'a'],
    ['an empty value', 'a=', 'a'],
    ['no value', 'a', 'a'],
    ['a name in another case', 'A=1', 'a'],
    ['a name without its brackets', 'a[]=1', 'a'],
    ['what every object has', '', 'constructor'],
    ['what every object has', '', '__proto__'],
    ['a question mark before the name', '?a=1', 'a'],
  ])('has no parameter in %s', (_, text, name) => {
    expect(parseForm(text).get(name)).toBeUndefined();
    expect(parseForm(text).getAll(name)).toEqual([]);
  });

  test.each([
    ['twice the same', 'a=1&a=1', ['a']],
    ['two values', 'a=1&b=2&a=3', ['a']],
    ['one of them empty', 'a=&a=1', ['a']],
    ['both empty', 'a=&a=', ['a']],
    ['one of them escaped', 'a=1&%61=2', ['a']],
    ['three times', 'a=1&a=2&a=3', ['a']],
    ['two names', 'a=1&b=1&a=2&b=2', ['a', 'b']],
    ['names JavaScript knows', '__proto__=1&__proto__=2', ['__proto__']],
    ['verifiers [AS-PK-19]', 'code_verifier=x&code_verifier=x', ['code_verifier']],
    [
      'redirect URIs [AS-RU-106] [AS-RU-107]',
      'redirect_uri=https%3A%2F%2Fa&redirect_uri=https%3A%2F%2Fb',
      ['redirect_uri'],
    ],
  ])('tells which names are repeated: %s', (_, text, repeated) => {
    expect(parseForm(text).repeated).toEqual(repeated);
  });

  test('may repeat resource (RFC 8707 §2), and empty ones do not count', () => {
    const form = parseForm('resource=https%3A%2F%2Fa&resource=&resource=https%3A%2F%2Fb');
    expect(form.repeated).toEqual([]);
    expect(form.getAll('resource')).toEqual(['https://a', 'https://b']);
  });

  test('gives back what was encoded', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1 }), fc.string({ unit: 'grapheme', minLength: 1 })),
        (values) => {
          const form = parseForm(new URLSearchParams(Object.entries(values)).toString());
          for (const [name, value] of Object.entries(values)) expect(form.get(name)).toBe(value);
        },
      ),
    );
  });
});
