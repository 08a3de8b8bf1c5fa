import { describe, expect, test } from 'vitest';
import { type Answer, findViolations, type Operation } from '../../drill/support/history.ts';

const BOUNDS = { propagation: 5_000, answer: 10_000, codeLifetime: 55_000 };
const OK: Answer = { status: 200 };
const REFUSED: Answer = { status: 400, error: 'invalid_grant' };
const BUSY: Answer = { status: 503, error: 'temporarily_unavailable', hasRetryAfter: true };
const LOST: Answer = { status: 0 };

const exchange = (start: number, answer = OK, code = 'c1', end = start + 10): Operation => ({
  kind: 'exchange',
  code,
  start,
  end,
  answer,
  ...(answer === OK && { grant: 'g1', refresh: 'r0' }),
});
const refresh = (start: number, token: string, answer = OK, successor = next(token), end = start + 10): Operation => ({
  kind: 'refresh',
  grant: 'g1',
  token,
  start,
  end,
  answer,
  ...(answer === OK && { successor }),
});
const revoke = (start: number, answer = OK): Operation => ({
  kind: 'revoke',
  grant: 'g1',
  start,
  end: start + 10,
  answer,
});
const validate = (
  start: number,
  outcome: 'accepted' | 'refused' | 'unavailable',
  validator = 'v1',
  newsAge = 0,
): Operation => ({ kind: 'validation', validator, token: 't1', grant: 'g1', start, end: start, outcome, newsAge });
const page = (answer: Answer, end = 10): Operation => ({ kind: 'page', start: 0, end, answer });
const spend = (start: number, answer = OK): Operation => ({
  kind: 'spend',
  thing: 'assertion a1',
  start,
  end: start + 10,
  answer,
});

function next(token: string): string {
  return `r${Number(token.slice(1)) + 1}`;
}

describe('a sound history', () => {
  test.each<[string, readonly Operation[]]>([
    ['is empty', []],
    ['is a grant that is refreshed', [exchange(0), refresh(20, 'r0'), validate(40, 'accepted')]],
    ['lets many hold one successor', [exchange(0), refresh(20, 'r0'), refresh(25, 'r0'), refresh(60, 'r1')]],
    ['has faults that say so', [exchange(0), refresh(20, 'r0', BUSY), refresh(60, 'r0', LOST), refresh(90, 'r0')]],
    [
      'refuses a superseded token',
      [exchange(0), refresh(20, 'r0'), refresh(40, 'r1'), refresh(60, 'r0', REFUSED), refresh(80, 'r2')],
    ],
    [
      'refuses one that is superseded meanwhile',
      [exchange(0), refresh(20, 'r0'), refresh(40, 'r0', REFUSED, '', 90), refresh(50, 'r1')],
    ],
    ['is a grant that was revoked', [exchange(0), revoke(20), refresh(40, 'r0', REFUSED), validate(40, 'refused')]],
    ['lets a revocation and a refresh race', [exchange(0), revoke(20), refresh(25, 'r0'), refresh(40, 'r1', REFUSED)]],
    [
      'lets a revocation that was not answered be done or not',
      [exchange(0), revoke(20, LOST), refresh(40, 'r0', REFUSED)],
    ],
    ['lets news of a revocation be on its way', [exchange(0), revoke(20), validate(5_000, 'accepted')]],
    [
      'has validators that know that they have heard nothing for long',
      [exchange(0), revoke(20), validate(50_000, 'accepted', 'v1', 46_000)],
    ],
    ['has validators that do not know', [exchange(0), refresh(20, 'r0'), validate(40, 'unavailable')]],
    ['refuses a code that may have been spent', [exchange(0, LOST), exchange(30, REFUSED)]],
    ['refuses a code that is used at the same time', [exchange(0), exchange(5, REFUSED)]],
    ['refuses a code that is old', [exchange(0, BUSY), exchange(60_000, REFUSED)]],
    ['ends a grant whose code is used again', [exchange(0), exchange(20, REFUSED), refresh(40, 'r0', REFUSED)]],
    ['accepts an assertion once', [spend(0), spend(20, REFUSED)]],
  ])('%s', (_name, history) => {
    expect(findViolations(history, BOUNDS)).toEqual([]);
  });
});

describe('a violation is found:', () => {
  test.each<[string, readonly Operation[], RegExp]>([
    ['a code accepted twice [I2]', [exchange(0), exchange(20), revoke(50)], /^code c1 was accepted 2 times/],
    ['an assertion accepted twice [I2]', [spend(0), spend(20)], /^assertion a1 was accepted 2 times/],
    ['two successors [I2]', [exchange(0), refresh(20, 'r0'), refresh(40, 'r0', OK, 'r1b')], /two successors/],
    [
      'a refresh after a revocation [I1]',
      [exchange(0), revoke(20), refresh(31, 'r0')],
      /tokens 1 ms after its revocation/,
    ],
    [
      'a refresh after a replay of its code [I3]',
      [exchange(0), exchange(20, REFUSED), refresh(40, 'r0')],
      /after its revocation/,
    ],
    [
      'an access token accepted too long after [I1]',
      [exchange(0), revoke(20), validate(5_031, 'accepted')],
      /accepted 5001 ms after/,
    ],
    [
      'a validator that changes its mind [I3]',
      [exchange(0), revoke(20), validate(40, 'refused'), validate(50, 'accepted')],
      /again by v1/,
    ],
    [
      'a live refresh token refused [I5]',
      [exchange(0), refresh(20, 'r0', REFUSED), refresh(40, 'r0')],
      /\(invalid_grant\), and it was live/,
    ],
    [
      'a token refused whose successor nobody used',
      [exchange(0), refresh(20, 'r0'), refresh(40, 'r0', REFUSED), refresh(60, 'r1')],
      /it was live/,
    ],
    ['a token refused before it was revoked', [exchange(0), refresh(20, 'r0', REFUSED), revoke(40)], /it was live/],
    [
      'an access token refused for nothing [I4]',
      [exchange(0), validate(20, 'refused'), refresh(40, 'r0')],
      /nobody had revoked it/,
    ],
    ['a fresh code refused', [exchange(0, REFUSED)], /^code c1 .*nobody had used it/],
    ['a code refused before it was used', [exchange(0, REFUSED), exchange(50), revoke(70)], /nobody had used it/],
    [
      'a grant that is gone [I12]',
      [exchange(0), refresh(20, 'r0'), refresh(40, 'r1', REFUSED)],
      /^grant g1 ended with 400/,
    ],
    ['a grant that never comes back [I8]', [exchange(0), refresh(20, 'r0', BUSY)], /^grant g1 ended with 503/],
    ['a grant nobody looked at again', [exchange(0)], /never refreshed/],
    ['500', [page({ status: 500 })], /answered 500/],
    ['502', [page({ status: 502 })], /answered 502/],
    ['503 without Retry-After [I5]', [page({ status: 503 })], /without Retry-After/],
    ['503 that says something else [I5]', [page({ ...BUSY, error: 'server_error' })], /503 with server_error/],
    ['a client refused [I5]', [page({ status: 401, error: 'invalid_client' })], /client itself was refused/],
    ['an answer that takes for ever', [page(OK, 10_001)], /took 10001 ms/],
  ])('%s', (_name, history, sentence) => {
    expect(findViolations(history, BOUNDS)).toContainEqual(expect.stringMatching(sentence));
  });
});
