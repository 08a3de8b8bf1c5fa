import { decodeJwt } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { createVerifier } from '../../src/resource/index.ts';
import { RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The same token with the other signature that holds for it: (r, n - s) beside (r, s). */
function twinOf(token: string): string {
  const [head, payload, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const other = (P256_ORDER - s).toString(16).padStart(64, '0');
  const twin = Buffer.concat([bytes.subarray(0, 32), Buffer.from(other, 'hex')]);
  return `${head}.${payload}.${twin.toString('base64url')}`;
}

function verifierOf(server: RunningGuardmint) {
  return createVerifier({ issuer: server.issuer, resource: RESOURCE, clock: server.now });
}

describe('a token and its twin', () => {
  test.each([
    ['the token', (token: string) => token],
    ['its twin', twinOf],
  ])('are both ended by revoking %s [JWT-ONCE-23, JWT-ONCE-24]', async (_title, choose) => {
    await using server = await startGuardmint();
    using verifier = verifierOf(server);
    const { access_token: token, clientId } = await server.grant();
    const both = [token, twinOf(token)];
    const accepted = await Promise.all(both.map((one) => verifier.loadAccessToken(one)));
    expect(accepted.map((one) => one?.jti)).toEqual([decodeJwt(token).jti, decodeJwt(token).jti]);

    const revoked = await server.post('/revoke', { client_id: clientId, token: choose(token) });

    expect(revoked.status).toBe(200);
    await vi.waitFor(
      async () =>
        expect(await Promise.all(both.map((one) => verifier.loadAccessToken(one)))).toEqual([undefined, undefined]),
      { timeout: 20_000, interval: 10 },
    );
  });
});

describe('one artefact in the place of another', () => {
  test('an access token is no registration access token [JWT-TYP-19]', async () => {
    await using server = await startGuardmint({ settings: { registration: { management: true } } });
    const client = await server.register();
    const { access_token: token } = await server.grant({ client });

    for (const method of ['GET', 'DELETE']) {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(String(client['registration_client_uri']), { method, headers });
      expect([answer.status, ((await answer.json()) as { error: string }).error]).toEqual([401, 'invalid_token']);
    }
  });

  test('a refresh token is no session [JWT-TYP-20]', async () => {
    await using server = await startGuardmint();
    const { refresh_token: token, access_token: other } = await server.grant();
    const visit = async (headers: Record<string, string>) => {
      const answer = await fetch(`${server.issuer}/interaction/apps`, { headers, redirect: 'manual' });
      return [answer.status, new URL(answer.headers.get('location') ?? server.issuer, server.issuer).pathname];
    };

    const nobody = await visit({});

    expect(await visit({ cookie: `guardmint-session=${token}` })).toEqual(nobody);
    expect(await visit({ cookie: `guardmint-session=${other}` })).toEqual(nobody);
    expect(nobody[0]).not.toBe(200);
  });
});
