import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCallback } from '../../src/cli/login-callback.ts';

const EXPECTED = { state: 'the state', issuer: 'https://auth.example.test', namesIssuer: true };
const ISS = `iss=${encodeURIComponent(EXPECTED.issuer)}`;
const GOOD = `code=abc&state=the+state&${ISS}`;

describe('an address that is pasted', () => {
  test.each([
    `http://127.0.0.1:4711/callback?${GOOD}`,
    `  http://127.0.0.1:4711/callback?${GOOD}\r`,
    `127.0.0.1:4711/callback?${GOOD}#`,
    `/callback?${GOOD}`,
    `?${GOOD}`,
  ])('is the answer, however much of it was copied: %j', (text) => {
    const callback = readCallback(text, EXPECTED);

    expect(callback.kind === 'code' && callback.parameters.get('code')).toBe('abc');
  });

  test.each([
    ['', /no answer in it/],
    ['hello', /no answer in it/],
    [`https://auth.example.test/authorize?response_type=code&${GOOD}`, /That is the link itself/],
    ['https://auth.example.test/authorize?client_id=a&request_uri=urn%3Ax', /That is the link itself/],
    [`?code=abc&${ISS}`, /no state/],
    [`?code=abc&state=other&${ISS}`, /answers another link/],
    [`?error=access_denied&state=other&${ISS}`, /answers another link/],
    [`?${GOOD}&code=second`, /appears twice/],
    [`?${GOOD}&state=the+state`, /appears twice/],
    ['?code=abc&state=the+state', /iss is missing/],
    ['?code=abc&state=the+state&iss=https%3A%2F%2Fauth.example.test%2F', /iss differs/],
    [`?state=the+state&${ISS}`, /no code/],
    [`?code=&state=the+state&${ISS}`, /no code/],
  ])('%j is none, and it is said why', (text, problem) => {
    expect(readCallback(text, EXPECTED)).toEqual({ kind: 'unusable', problem: expect.stringMatching(problem) });
  });

  test.each([
    [`?error=access_denied&state=the+state&${ISS}`, 'Access was denied: at sign-in, or by choosing Deny.'],
    [`?error=invalid_scope&error_description=No.&state=the+state&${ISS}`, 'The server refused: invalid_scope (No.)'],
  ])('%j is a refusal', (text, problem) => {
    expect(readCallback(text, EXPECTED)).toEqual({ kind: 'refused', problem });
  });

  test('without iss is taken from an issuer that does not promise it, never with the name of another', () => {
    const silent = { ...EXPECTED, namesIssuer: false };

    expect(readCallback('?code=abc&state=the+state', silent).kind).toBe('code');
    expect(readCallback('?code=abc&state=the+state&iss=https://evil.test', silent).kind).toBe('unusable');
  });

  test('gives no code for anything that lacks our state', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), fc.string(), (url, state) => {
        const text = `${url}${url.includes('?') ? '&' : '?'}code=x&${ISS}&state=${encodeURIComponent(state)}`;
        fc.pre(state !== EXPECTED.state);
        expect(readCallback(text, EXPECTED).kind).toBe('unusable');
      }),
    );
  });
});
