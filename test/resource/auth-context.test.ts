import { setImmediate } from 'node:timers/promises';
import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import { type AuthenticatedUser, getAccessToken, getAuthenticatedUser, runWithAuth } from '../../src/resource/index.ts';
import { bearerAuth } from '../../src/resource/koa.ts';
import { testSigner } from '../support/keys.ts';
import { serve } from '../support/serve.ts';
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

  test('keeps a hundred interleaved requests apart, those of nobody too', async () => {
    using verifier = verifierOf([testSigner()]);
    const gate = Promise.withResolvers<void>();
    let waiting = 0;
    const app = new Koa();
    app.use(bearerAuth({ verifier }));
    app.use(async (ctx) => {
      const before = getAccessToken()?.jti;
      if (++waiting === 100) gate.resolve();
      await gate.promise;
      await setImmediate();
      ctx.body = { before, after: getAccessToken()?.jti };
    });
    await using served = await serve(() => app);

    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const authorization = `Bearer ${forge({ claims: { jti: `jti-${index}` } })}`;
        const response = await fetch(served.origin, index % 4 === 0 ? {} : { headers: { authorization } });
        return response.json();
      }),
    );

    const expected = Array.from({ length: 100 }, (_, index) =>
      index % 4 === 0 ? {} : { before: `jti-${index}`, after: `jti-${index}` },
    );
    expect(answers).toEqual(expected);
  });
});
