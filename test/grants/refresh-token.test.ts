import { describe, expect, test } from 'vitest';
import { configuredClient } from '../../src/clients/index.ts';
import { createRefreshTokenGrant } from '../../src/grants/index.ts';
import { OAuthError, parseForm, reject, type SenderConstraint, UnavailableError } from '../../src/oauth/index.ts';
import { createLedgerProvider } from '../support/ledger-provider.ts';

const NOW = 1_000;
const TOKEN = {
  kind: 'refresh_token' as const,
  clientId: 'client',
  scope: ['read', 'write'],
  resource: 'https://mcp.example/mcp',
  subject: 'alice',
  expiresAt: NOW + 60,
};
const { expiresAt: _, ...ENDLESS } = TOKEN;
const FORM = { grant_type: 'refresh_token', refresh_token: 'good' };

function setUp(now = NOW) {
  const { provider, ledger } = createLedgerProvider({
    refreshTokens: {
      good: TOKEN,
      endless: ENDLESS,
      'of another': { ...TOKEN, clientId: 'other' },
      scopeless: { ...TOKEN, scope: [] },
      bound: { ...TOKEN, sender: { jkt: 'its key' } },
    },
  });
  const grant = createRefreshTokenGrant({ provider, clock: () => now });
  async function redeem(change: Record<string, string> = {}, clientId = 'client', sender?: SenderConstraint) {
    try {
      const form = parseForm(new URLSearchParams({ ...FORM, ...change }).toString());
      return await grant.redeem(form, configuredClient({ client_id: clientId }), sender);
    } catch (thrown) {
      if (thrown instanceof OAuthError) return thrown.reason;
      throw thrown;
    }
  }
  return { grant, redeem, ledger };
}

test('the grant type is refresh_token', () => {
  expect(setUp().grant.grantType).toBe('refresh_token');
});

describe('a refresh token is used', () => {
  test.each<[string, Record<string, string>, readonly string[]]>([
    ['for all that was granted when no scope is named', {}, ['read', 'write']],
    ['for all that was granted when an empty scope is named', { scope: ' ' }, ['read', 'write']],
    ['for less when less is named', { scope: 'write' }, ['write']],
    ['for the same in another order', { scope: 'write  read' }, ['write', 'read']],
    ['with its resource named again', { resource: TOKEN.resource }, ['read', 'write']],
    ['for nothing when nothing was granted', { refresh_token: 'scopeless' }, []],
    ['when it has no end', { refresh_token: 'endless' }, ['read', 'write']],
  ])('%s', async (_name, change, scope) => {
    const { redeem, ledger } = setUp();
    expect(await redeem(change)).toMatchObject({ access_token: 'access', scope: scope.join(' ') });
    expect(ledger).toEqual([{ exchanged: 'refresh_token', scope }]);
  });

  test('until its last second, or for ever', async () => {
    expect(await setUp(NOW + 59).redeem()).toMatchObject({ access_token: 'access' });
    expect(await setUp(NOW + 60).redeem()).toBe('refresh_token_expired');
    expect(await setUp(NOW * NOW).redeem({ refresh_token: 'endless' })).toMatchObject({ access_token: 'access' });
  });
});

describe('a refresh token is refused, and not used up', () => {
  test.each<[string, Record<string, string>, string]>([
    ['none at all', { refresh_token: '' }, 'parameter_missing'],
    ['an unknown one', { refresh_token: 'unknown' }, 'refresh_token_unknown'],
    ['one of another client', { refresh_token: 'of another' }, 'refresh_token_unknown'],
    ['a scope that was not granted', { scope: 'admin' }, 'scope_not_allowed'],
    ['a scope that was not granted beside one that was', { scope: 'read admin' }, 'scope_not_allowed'],
    ['a scope in other case', { scope: 'READ' }, 'scope_not_allowed'],
    ['a malformed scope', { scope: 'read "' }, 'scope_malformed'],
    ['a scope where none was granted', { refresh_token: 'scopeless', scope: 'read' }, 'scope_not_allowed'],
    ['another resource', { resource: 'https://files.example/mcp' }, 'resource_mismatch'],
    ['a malformed resource', { resource: '//mcp.example/mcp' }, 'resource_mismatch'],
  ])('%s', async (_name, change, reason) => {
    const { redeem, ledger } = setUp();
    expect(await redeem(change)).toBe(reason);
    expect(ledger).toEqual([]);
    expect(await redeem()).toMatchObject({ access_token: 'access' });
  });

  test('by another client', async () => {
    const { redeem, ledger } = setUp();
    expect(await redeem({}, 'other')).toBe('refresh_token_unknown');
    expect(ledger).toEqual([]);
  });
});

describe('the key a refresh token is bound to', () => {
  test('is the only one it is used with, and goes on to the provider', async () => {
    const { redeem, ledger } = setUp();
    const bound = { refresh_token: 'bound' };
    expect(await redeem(bound)).toBe('refresh_token_of_other_key');
    expect(await redeem(bound, 'client', { jkt: 'another key' })).toBe('refresh_token_of_other_key');
    expect(ledger).toEqual([]);
    expect(await redeem(bound, 'client', { jkt: 'its key' })).toMatchObject({ access_token: 'access' });
    expect(ledger).toEqual([{ exchanged: 'refresh_token', scope: ['read', 'write'], sender: { jkt: 'its key' } }]);
  });

  test('is anybody’s where there is none', async () => {
    const { redeem, ledger } = setUp();
    expect(await redeem({}, 'client', { jkt: 'a key' })).toMatchObject({ access_token: 'access' });
    expect(ledger[0]).toMatchObject({ sender: { jkt: 'a key' } });
  });
});

test('what the provider throws goes up as it is', async () => {
  for (const thrown of [reject('refresh_token_reused'), new UnavailableError('redis')]) {
    const { provider } = createLedgerProvider({ refreshTokens: { good: TOKEN } });
    const failing = { ...provider, loadRefreshToken: () => Promise.reject(thrown) };
    const grant = createRefreshTokenGrant({ provider: failing, clock: () => NOW });
    const form = parseForm(new URLSearchParams(FORM).toString());
    await expect(grant.redeem(form, configuredClient({ client_id: 'client' }))).rejects.toBe(thrown);
  }
});
