import { compactDecrypt } from 'jose';
import { describe, expect, test } from 'vitest';
import { createSignedClientIds } from '../../src/clients/index.ts';
import { systemRandom } from '../../src/platform/index.ts';
import {
  createAccessTokens,
  createAuthorizationCodes,
  createRefreshTokens,
  createSealer,
} from '../../src/tokens/index.ts';
import { createTestKeyRing, testSecret } from '../support/keys.ts';

const NOW = 1_700_000_000;
const CLAIMS = {
  client: 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg',
  clientName: 'Notes',
  redirectUri: 'http://localhost:51004/cb',
  redirectUriProvided: true,
  challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  scope: ['read', 'write'],
  resource: 'https://mcp.example/mcp',
  sub: 'alice',
  authTime: NOW - 10,
  amr: ['pwd'],
};

const keys = createTestKeyRing();
const codesAt = (now: number, ring = keys) =>
  createAuthorizationCodes({
    sealer: createSealer({ keys: ring, clock: () => now }),
    random: systemRandom,
    lifetime: 60,
  });

describe('an authorization code', () => {
  test('opens to what it was issued for, with a jti and a grant id of its own', async () => {
    const { code, grantId } = await codesAt(NOW).issue(CLAIMS);
    expect(grantId).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(await codesAt(NOW).open(code)).toEqual({
      ...CLAIMS,
      jti: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
      gid: grantId,
      iat: NOW,
      exp: NOW + 60,
    });
  });

  test('never shares its jti or its grant with another', async () => {
    const codes = codesAt(NOW);
    const opened = await Promise.all(
      Array.from({ length: 20 }, async () => codes.open((await codes.issue(CLAIMS)).code)),
    );
    expect(new Set(opened.flatMap((code) => [code?.jti, code?.gid])).size).toBe(40);
  });

  test('does not take its jti, grant or times from what it is issued for', async () => {
    const { code } = await codesAt(NOW).issue({
      ...CLAIMS,
      jti: 'mine',
      gid: 'mine',
      exp: NOW + 9_999,
    } as typeof CLAIMS);
    const opened = await codesAt(NOW).open(code);
    expect([opened?.jti, opened?.gid]).not.toContain('mine');
    expect(opened?.exp).toBe(NOW + 60);
  });

  test('still tells what it was once it has ended, so that its end can be named in the audit', async () => {
    const { code } = await codesAt(NOW).issue(CLAIMS);
    expect(await codesAt(NOW + 3_600).open(code)).toMatchObject({ exp: NOW + 60 });
  });

  test('shows nobody its challenge, its person or its client', async () => {
    const { code } = await codesAt(NOW).issue(CLAIMS);
    const visible = code
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString('latin1'))
      .join(' ');
    for (const value of [CLAIMS.challenge, CLAIMS.sub, CLAIMS.client, 'Notes', 'mcp.example'])
      expect(visible).not.toContain(value);
    const { plaintext } = await compactDecrypt(code, testSecret('sealing').secret);
    expect(Buffer.from(plaintext).toString()).toContain(CLAIMS.challenge);
  });

  test('fits into a URL, with the longest redirect URI and a long resource', async () => {
    const { code } = await codesAt(NOW).issue({
      ...CLAIMS,
      clientName: 'é'.repeat(128),
      redirectUri: `https://client.example/${'a'.repeat(1_001)}`,
      resource: `https://mcp.example/${'a'.repeat(500)}`,
    });
    expect(code.length).toBeLessThan(4_096);
    expect(code).toMatch(/^[A-Za-z0-9._-]+$/);
  });

  test('is none when another key sealed it', async () => {
    expect(
      await codesAt(NOW).open((await codesAt(NOW, createTestKeyRing({ secrets: ['foreign'] })).issue(CLAIMS)).code),
    ).toBeUndefined();
  });

  test('is no access token [JWT-TYP-10], refresh token [JWT-TYP-11], client_id [JWT-TYP-12] or other sealed thing', async () => {
    const access = createAccessTokens({ keys, issuer: 'https://as.example', random: systemRandom, lifetime: 600 });
    const { token } = await access.issue({ subject: 'a', clientId: 'c', resource: CLAIMS.resource, scope: [] }, NOW);
    const refresh = createRefreshTokens({ keys }).write({
      familyId: systemRandom(16),
      generation: 0,
      nonce: systemRandom(16),
      keyId: keys.activeSecret('refresh').kid,
    });
    const { clientId } = createSignedClientIds({ keys, clock: () => NOW, random: systemRandom }).register({
      redirect_uris: [CLAIMS.redirectUri],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    });
    const session = await createSealer({ keys, clock: () => NOW }).seal(
      'session+jwe',
      { ...CLAIMS, jti: 'x', gid: 'x' },
      60,
    );
    for (const other of [token, refresh ?? '', clientId, session]) {
      expect(other).not.toBe('');
      expect(await codesAt(NOW).open(other)).toBeUndefined();
    }
  });
});
