import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type AuthenticatedUser, getAccessToken, getAuthenticatedUser, runWithAuth } from '../../src/resource/index.ts';
import { testSigner } from '../support/keys.ts';
import { forge, verifierOf } from './issuer.ts';

async function userOf(jti: string): Promise<AuthenticatedUser> {
  using verifier = verifierOf([testSigner()]);
  const accessToken = await verifier.loadAccessToken(forge({ claims: { jti } }));
  if (accessToken === undefined) throw new Error('refused');
  return { clientId: accessToken.clientId, scopes: accessToken.scope, accessToken };
}

describe('the auth context', () => {
  test('is nobody outside of any request', () => {
    expect([getAccessToken(), getAuthenticatedUser()]).toEqual([undefined, undefined]);
  });

  test('is the user in everything a request starts, and nobody afterwards, whatever happens', async () => {
    const user = await userOf('a');
    const seen: unknown[] = [];
    const failed = runWithAuth(user, async () => {
      await setImmediate();
      seen.push(getAuthenticatedUser(), getAccessToken()?.jti);
      throw new Error('x');
    });

    await expect(failed).rejects.toThrow('x');
    expect(seen).toEqual([user, 'a']);
    expect(getAuthenticatedUser()).toBeUndefined();
  });

  test('can be nobody inside the request of somebody', async () => {
    const user = await userOf('a');

    const seen = runWithAuth(user, () => [runWithAuth(undefined, getAccessToken), getAccessToken()?.jti]);

    expect(seen).toEqual([undefined, 'a']);
  });
});
