import { createRemoteJWKSet, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { OTHER_RESOURCE, RESOURCE, startGuardmint } from '../support/guardmint.ts';

describe('a person lets a client in', () => {
  test('and the access token verifies with the published keys, for the resource that was asked for [AS-68]', async () => {
    await using server = await startGuardmint();
    const { authorized, ...granted } = await server.grant();
    expect(authorized.redirect.searchParams.get('state')).toBe('the state');
    expect(authorized.redirect.searchParams.get('iss')).toBe(server.issuer);
    const keys = createRemoteJWKSet(new URL(`${server.issuer}/.well-known/jwks.json`));
    const { payload, protectedHeader } = await jwtVerify(granted.access_token, keys, {
      issuer: server.issuer,
      audience: RESOURCE,
      typ: 'at+jwt',
      algorithms: ['ES256'],
    });
    expect(Object.keys(payload).sort()).toEqual(
      ['amr', 'aud', 'auth_time', 'client_id', 'exp', 'gid', 'iat', 'iss', 'jti', 'scope', 'sub'].sort(),
    );
    expect(payload).toMatchObject({ client_id: granted.clientId, scope: 'mcp:read mcp:write', aud: RESOURCE });
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
  });

  test('a code is good for one exchange, and using it again ends everything it gave [AS-60]', async () => {
    await using server = await startGuardmint();
    const { authorized, refresh_token, clientId } = await server.grant();
    const again = await server.post('/token', authorized.exchange);
    expect(again.status).toBe(400);
    expect(again.body).toEqual({ error: 'invalid_grant', error_description: 'The authorization code is not valid.' });
    expect(server.events.map((event) => event.event)).toContain('code.replayed');
    const refreshed = await server.post('/token', { grant_type: 'refresh_token', refresh_token, client_id: clientId });
    expect(refreshed.body['error']).toBe('invalid_grant');
  });

  test('a code used again without its verifier ends nothing [AS-60]', async () => {
    await using server = await startGuardmint();
    const { authorized, refresh_token, clientId } = await server.grant();
    const attempt = await server.post('/token', { ...authorized.exchange, code_verifier: 'x'.repeat(43) });
    expect(attempt.body['error']).toBe('invalid_grant');
    const refreshed = await server.post('/token', { grant_type: 'refresh_token', refresh_token, client_id: clientId });
    expect(refreshed.status).toBe(200);
  });

  test('of fifty concurrent exchanges of one code one wins', async () => {
    await using server = await startGuardmint();
    const { exchange } = await server.authorize();
    const answers = await Promise.all(Array.from({ length: 50 }, () => server.post('/token', exchange)));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    expect(answers.filter((answer) => answer.body['error'] === 'invalid_grant')).toHaveLength(49);
  });

  test('a refresh token of a public client is replaced; the one before it gets the same successor [AS-63]', async () => {
    await using server = await startGuardmint();
    const { refresh_token, clientId } = await server.grant();
    const refresh = (token: string) =>
      server.post('/token', { grant_type: 'refresh_token', refresh_token: token, client_id: clientId });
    const parallel = await Promise.all(Array.from({ length: 20 }, () => refresh(refresh_token)));
    expect(parallel.every((answer) => answer.status === 200)).toBe(true);
    const successors = new Set(parallel.map((answer) => answer.body['refresh_token']));
    expect(successors.size).toBe(1);
    const [successor] = successors;
    expect(successor).not.toBe(refresh_token);

    const second = await refresh(String(successor));
    server.advance(11);
    const reuse = await refresh(refresh_token);
    expect(reuse.body).toEqual({ error: 'invalid_grant', error_description: 'The refresh token is not valid.' });
    expect(server.events.map((event) => event.event)).toContain('token.refresh_reused');
    expect((await refresh(String(second.body['refresh_token']))).body['error']).toBe('invalid_grant');
  });

  test('revoking either token ends the whole grant', async () => {
    await using server = await startGuardmint();
    for (const kind of ['access_token', 'refresh_token'] as const) {
      const granted = await server.grant();
      const { clientId: client_id } = granted;
      expect((await server.post('/revoke', { client_id, token: granted[kind] })).status).toBe(200);
      const answer = await server.post('/token', {
        grant_type: 'refresh_token',
        refresh_token: granted.refresh_token,
        client_id,
      });
      expect(answer.body['error']).toBe('invalid_grant');
      const { entries } = await server.guardmint.store.denylist.snapshot();
      expect(entries.some((entry) => entry.kind === 'grant')).toBe(true);
    }
  });

  test('a client cannot use or end the tokens of another', async () => {
    await using server = await startGuardmint();
    const granted = await server.grant();
    const stranger = await server.register({ client_name: 'stranger' });
    const stolen = { grant_type: 'refresh_token', refresh_token: granted.refresh_token, client_id: stranger.client_id };
    expect((await server.post('/token', stolen)).body['error']).toBe('invalid_grant');
    expect((await server.post('/revoke', { client_id: stranger.client_id, token: granted.refresh_token })).status).toBe(
      200,
    );
    const own = await server.post('/token', { ...stolen, client_id: granted.clientId });
    expect(own.status).toBe(200);
  });

  test('a granted resource cannot be swapped at the token endpoint [AS-68]', async () => {
    await using server = await startGuardmint();
    const { exchange } = await server.authorize();
    const swapped = await server.post('/token', { ...exchange, resource: OTHER_RESOURCE });
    expect(swapped.body['error']).toBe('invalid_target');
    expect((await server.post('/token', { ...exchange, resource: RESOURCE })).status).toBe(200);
  });

  test('a person who is disabled gets nothing more from codes and refresh tokens', async () => {
    await using server = await startGuardmint();
    const granted = await server.grant();
    const { exchange } = await server.authorize();
    const user = (await server.guardmint.users.list()).find((one) => one.username === server.credentials.username);
    await server.guardmint.store.denylist.deny({ kind: 'subject', id: user?.subject ?? '', lifetime: 90 * 86_400 });
    expect((await server.post('/token', exchange)).body['error']).toBe('invalid_grant');
    const refresh = { grant_type: 'refresh_token', refresh_token: granted.refresh_token, client_id: granted.clientId };
    expect((await server.post('/token', refresh)).body['error']).toBe('invalid_grant');
  });

  test('denying sends the refusal to the client, with state and iss [AS-26]', async () => {
    await using server = await startGuardmint();
    const { redirect } = await server.authorize({ person: server.person({ decision: 'deny' }) });
    expect(Object.fromEntries(redirect.searchParams)).toEqual({
      error: 'access_denied',
      error_description: 'The request was denied.',
      state: 'the state',
      iss: server.issuer,
    });
  });
});
