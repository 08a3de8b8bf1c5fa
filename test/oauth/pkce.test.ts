import { describe, expect, test } from 'vitest';
import { isCodeChallenge, isCodeVerifier } from '../../src/oauth/index.ts';

const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';

describe('a code_challenge', () => {
  test('is the 43 characters of a SHA-256 (RFC 7636 appendix B)', () => {
    expect(isCodeChallenge(CHALLENGE)).toBe(true);
  });

  test.each([
    ['is empty [AS-PK-02]', ''],
    ['has 44 characters [AS-PK-08]', `${CHALLENGE}A`],
    ['has 42 characters', CHALLENGE.slice(1)],
    ['has padding for its last character [AS-PK-10]', `${CHALLENGE.slice(0, 42)}=`],
    ['has padding', `${CHALLENGE}=`],
    ['has spare bits set', `${CHALLENGE.slice(0, 42)}N`],
    ['is in the standard alphabet', CHALLENGE.replace('-', '+')],
    ['ends in a line feed', `${CHALLENGE}\n`],
    ['has a space', ` ${CHALLENGE.slice(1)}`],
    ['has a character of a verifier', `~${CHALLENGE.slice(1)}`],
  ])('is refused when it %s', (_, text) => {
    expect(isCodeChallenge(text)).toBe(false);
  });
});

describe('a code_verifier', () => {
  test.each([
    ['of the specification', VERIFIER],
    ['of 43 characters', 'a'.repeat(43)],
    ['of 128 characters', 'a'.repeat(128)],
    ['with every kind of unreserved character', `${'aZ09'.repeat(10)}-._~`],
  ])('%s is well-formed', (_, text) => {
    expect(isCodeVerifier(text)).toBe(true);
  });

  test.each([
    ['is empty [AS-PK-14]', ''],
    ['has 42 characters [AS-PK-17]', VERIFIER.slice(1)],
    ['has 129 characters [AS-PK-18]', 'a'.repeat(129)],
    ['ends in a line feed [AS-PK-20]', `${VERIFIER}\n`],
    ['has a space', `${VERIFIER} `],
    ['has padding', `${VERIFIER}=`],
    ['has a plus', `${VERIFIER}+`],
    ['has a letter that is not ASCII', `${VERIFIER}é`],
    ['has NUL', `${VERIFIER}\0`],
  ])('is refused when it %s', (_, text) => {
    expect(isCodeVerifier(text)).toBe(false);
  });
});
