import { describe, expect, test } from 'vitest';
import { type Client, configuredClient } from '../../src/clients/index.ts';
import { createAuthorizationCodeGrant } from '../../src/grants/index.ts';
import { OAuthError, parseForm, reject, type SenderConstraint, UnavailableError } from '../../src/oauth/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import { createLedgerProvider } from '../support/ledger-provider.ts';

const NOW = 1_000;
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CODE = {
  clientId: 'client',
  redirectUri: 'http://localhost:51004/cb',
  codeChallenge: sha256(VERIFIER),
  scope: ['read'],
  resource: 'https://mcp.example/mcp',
  subject: 'alice',
  expiresAt: NOW + 60,
};
const CLIENT = configuredClient({ client_id: 'client' });
const FORM = { grant_type: 'authorization_code', code: 'good', code_verifier: VERIFIER };

function setUp(now = NOW) {
  const { provider, ledger } = createLedgerProvider({
    codes: {
      good: CODE,
      'of another': { ...CODE, clientId: 'other' },
      'with a short challenge': { ...CODE, codeChallenge: sha256('short') },
      'without a challenge': { ...CODE, codeChallenge: '' },
      bound: { ...CODE, sender: { jkt: 'its key' } },
      'with the plain challenge': { ...CODE, codeChallenge: VERIFIER },
    },
  });
  const grant = createAuthorizationCodeGrant({ provider, clock: () => now });
  async function redeem(
    change: Record<string, string | readonly string[]> = {},
    client: Client = CLIENT,
    sender?: SenderConstraint,
  ) {
    const pairs = Object.entries({ ...FORM, ...change }).flatMap(([name, value]) =>
      [value].flat().map((one) => [name, one]),
    );
    try {
      return await grant.redeem(parseForm(new URLSearchParams(pairs as [string, string][]).toString()), client, sender);
    } catch (thrown) {
      if (thrown instanceof OAuthError) return thrown.reason;
      throw thrown;
    }
  }
  return { grant, redeem, ledger };
}

test('the grant type is authorization_code', () => {
  expect(setUp().grant.grantType).toBe('authorization_code');
});

describe('a code is redeemed', () => {
  test.each<[string, Record<string, string | readonly string[]>]>([
    ['with its verifier', {}],
    ['with the redirect URI of its request, port included', { redirect_uri: CODE.redirectUri }],
    ['with an empty redirect URI, as if there were none', { redirect_uri: '' }],
    ['with its resource', { resource: CODE.resource }],
    ['with another spelling of its resource', { resource: 'HTTPS://MCP.example:443/mcp' }],
    ['with its resource twice [AS-RS-13]', { resource: [CODE.resource, CODE.resource] }],
    ['with a scope, which the request decided already', { scope: 'admin' }],
  ])('%s', async (_, change) => {
    const { redeem, ledger } = setUp();
    expect(await redeem(change)).toEqual({
      access_token: 'access',
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'read',
    });
    expect(ledger).toEqual([{ exchanged: 'code', scope: ['read'] }]);
  });

  test('until its last second', async () => {
    expect(await setUp(NOW + 59).redeem()).toMatchObject({ access_token: 'access' });
    expect(await setUp(NOW + 60).redeem()).toBe('code_expired');
  });
});

test('a code whose request named a key is redeemed with a proof of that key only', async () => {
  const { redeem, ledger } = setUp();
  expect(await redeem({ code: 'bound' })).toBe('code_of_other_key');
  expect(await redeem({ code: 'bound' }, CLIENT, { jkt: 'another key' })).toBe('code_of_other_key');
  expect(ledger).toEqual([]);
  expect(await redeem({ code: 'bound' }, CLIENT, { jkt: 'its key' })).toMatchObject({ access_token: 'access' });
  expect(ledger).toEqual([{ exchanged: 'code', scope: ['read'], sender: { jkt: 'its key' } }]);
});

describe('a code is refused, and not consumed', () => {
  test.each<[string, Record<string, string | readonly string[]>, string]>([
    ['no code', { code: '' }, 'parameter_missing'],
    ['no verifier [AS-PK-13]', { code_verifier: '' }, 'code_verifier_missing'],
    ['an unknown code', { code: 'unknown' }, 'code_unknown'],
    ['a code every object has', { code: 'constructor' }, 'code_unknown'],
    ['a code of another client', { code: 'of another' }, 'code_unknown'],
    ['a wrong verifier', { code_verifier: VERIFIER.replace('d', 'e') }, 'code_verifier_wrong'],
    ['a verifier in upper case [AS-PK-21]', { code_verifier: VERIFIER.toUpperCase() }, 'code_verifier_wrong'],
    ['a verifier cut short [AS-PK-17]', { code_verifier: VERIFIER.slice(1) }, 'code_verifier_wrong'],
    ['a verifier too long [AS-PK-18]', { code_verifier: 'a'.repeat(129) }, 'code_verifier_wrong'],
    ['a verifier with a line feed [AS-PK-20]', { code_verifier: `${VERIFIER}\n` }, 'code_verifier_wrong'],
    ['the challenge for a verifier', { code_verifier: CODE.codeChallenge }, 'code_verifier_wrong'],
    [
      'a malformed verifier that matches',
      { code: 'with a short challenge', code_verifier: 'short' },
      'code_verifier_wrong',
    ],
    ['a plain challenge', { code: 'with the plain challenge' }, 'code_verifier_wrong'],
    ['a code without a challenge', { code: 'without a challenge' }, 'code_verifier_wrong'],
    ['another port', { redirect_uri: 'http://localhost:51005/cb' }, 'code_redirect_uri_mismatch'],
    ['a slash more', { redirect_uri: `${CODE.redirectUri}/` }, 'code_redirect_uri_mismatch'],
    ['another redirect URI', { redirect_uri: 'https://evil.example/cb' }, 'code_redirect_uri_mismatch'],
    ['another resource [AS-RS-11]', { resource: 'https://files.example/mcp' }, 'resource_mismatch'],
    ['a resource with a slash more', { resource: `${CODE.resource}/` }, 'resource_mismatch'],
    ['a malformed resource', { resource: 'x' }, 'resource_mismatch'],
    [
      'another resource beside its own',
      { resource: [CODE.resource, 'https://files.example/mcp'] },
      'resource_mismatch',
    ],
  ])('%s', async (_, change, reason) => {
    const { redeem, ledger } = setUp();
    expect(await redeem(change)).toBe(reason);
    expect(ledger).toEqual([]);
    expect(await redeem()).toMatchObject({ access_token: 'access' });
  });

  test('by another client', async () => {
    const { redeem, ledger } = setUp();
    expect(await redeem({}, configuredClient({ client_id: 'other' }))).toBe('code_unknown');
    expect(ledger).toEqual([]);
  });

  test('with several things wrong, for whatever says least: who holds no verifier learns nothing of the rest', async () => {
    const { redeem } = setUp();
    const wrong = {
      code_verifier: 'a'.repeat(43),
      redirect_uri: 'https://evil.example',
      resource: 'https://evil.example',
    };
    expect(await redeem(wrong)).toBe('code_verifier_wrong');
    expect(await setUp(NOW + 60).redeem(wrong)).toBe('code_expired');
  });
});

test('what the provider throws goes up as it is', async () => {
  for (const thrown of [reject('code_spent'), new UnavailableError('redis')]) {
    const { provider } = createLedgerProvider({ codes: { good: CODE } });
    const failing = { ...provider, exchangeAuthorizationCode: () => Promise.reject(thrown) };
    const grant = createAuthorizationCodeGrant({ provider: failing, clock: () => NOW });
    await expect(grant.redeem(parseForm(new URLSearchParams(FORM).toString()), CLIENT)).rejects.toBe(thrown);
  }
});
