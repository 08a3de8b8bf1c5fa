import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/oauth/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import { REDIRECT, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';

const MANAGED = { settings: { registration: { management: true } } };

async function call(method: string, location: unknown, token: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(String(location), {
    method,
    headers: { authorization: `Bearer ${String(token)}`, ...headers },
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? {} : JSON.parse(text)) as JsonObject,
  };
}

const tokenErrorOf = async (server: RunningGuardmint, form: Record<string, string>) => {
  const { status, body } = await server.post('/token', form);
  return [status, body['error']];
};

describe('a client that manages its registration (RFC 7592)', () => {
  test.each([
    { token_endpoint_auth_method: 'none', client_name: 'X' },
    { token_endpoint_auth_method: 'client_secret_basic', application_type: 'native' },
  ])('reads what was registered, with its secret and where to read it again: %j', async (metadata) => {
    await using server = await startGuardmint(MANAGED);
    const registered = await server.register(metadata);
    const { registration_client_uri: location, registration_access_token: token } = registered;
    expect(location).toBe(`${server.issuer}/register?client_id=${registered.client_id}`);
    expect(token).toMatch(/^[\w-]{43}$/);

    const read = await call('GET', location, token);

    expect(read.status).toBe(200);
    expect(read.body).toEqual(registered);
    expect(read.headers.get('cache-control')).toBe('no-store');
  });

  test('the token is of that client alone, and is no secret, initial or access token of anything', async () => {
    await using server = await startGuardmint(MANAGED);
    const one = await server.register({ token_endpoint_auth_method: 'client_secret_post' });
    const other = await server.register();

    for (const token of [other['registration_access_token'], one.client_secret, one.client_id])
      expect((await call('GET', one['registration_client_uri'], token)).status).toBe(401);
    const asSecret = { client_id: one.client_id, client_secret: String(one['registration_access_token']) };
    expect(await tokenErrorOf(server, { ...asSecret, grant_type: 'refresh_token' })).toEqual([401, 'invalid_client']);
  });

  test('cannot change it: other metadata are another registration', async () => {
    await using server = await startGuardmint(MANAGED);
    const { registration_client_uri: location, registration_access_token: token } = await server.register();

    const put = await call('PUT', location, token);

    expect(put.status).toBe(405);
    expect(put.headers.get('allow')).toBe('GET, HEAD, POST, DELETE, OPTIONS');
  });

  test('deletes it: with its grants, its tokens and its name, for good', async () => {
    await using server = await startGuardmint(MANAGED);
    const client = await server.register();
    const { registration_client_uri: location, registration_access_token: token } = client;
    const granted = await server.grant({ client });
    const pending = await server.authorize({ client });
    const bystander = await server.grant();

    const deleted = await call('DELETE', location, token);
    expect(deleted.status).toBe(204);

    const refresh = { grant_type: 'refresh_token', client_id: client.client_id, refresh_token: granted.refresh_token };
    expect(await tokenErrorOf(server, refresh)).toEqual([401, 'invalid_client']);
    expect(await tokenErrorOf(server, pending.exchange)).toEqual([401, 'invalid_client']);
    expect((await call('GET', location, token)).status).toBe(401);
    expect((await call('DELETE', location, token)).status).toBe(401);
    const page = await server
      .person()
      .open(`${server.issuer}/authorize?client_id=${client.client_id}&response_type=code`);
    expect([page.status, page.leavesFor]).toEqual([400, undefined]);
    // Validators that ask nobody hear of it.
    const clientHash = sha256(client.client_id);
    const entries = (await server.guardmint.store.denylist.snapshot()).entries.map(({ kind, id }) => `${kind} ${id}`);
    expect(entries).toEqual(expect.arrayContaining([`client ${clientHash}`, `jti ${clientHash}`]));
    expect(entries.filter((entry) => entry.startsWith('grant '))).toHaveLength(1);
    expect(server.events).toContainEqual({ event: 'client.deleted', clientHash });

    server.advance(5 * 365 * 86_400);
    expect(await tokenErrorOf(server, refresh)).toEqual([401, 'invalid_client']);
    const { refresh_token } = bystander;
    const other = { grant_type: 'refresh_token', client_id: bystander.clientId, refresh_token };
    expect(await tokenErrorOf(server, other)).toEqual([400, 'invalid_grant']);
  });

  test('is not offered unless the operator says so', async () => {
    await using server = await startGuardmint();
    const registered = await server.register();

    expect(registered).not.toHaveProperty('registration_client_uri');
    expect(registered).not.toHaveProperty('registration_access_token');
    for (const method of ['GET', 'DELETE'])
      expect((await call(method, `${server.issuer}/register?client_id=${registered.client_id}`, 'x')).status).toBe(405);
  });
});

describe('registration that needs an initial access token (RFC 7591 §3)', () => {
  test('admits who shows one of them', async () => {
    const initialAccessTokenHashes = [sha256('token-one'), sha256('token-two')];
    await using server = await startGuardmint({ settings: { registration: { initialAccessTokenHashes } } });
    const register = async (authorization?: string) => {
      const response = await fetch(`${server.issuer}/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) },
        body: JSON.stringify({ redirect_uris: [REDIRECT] }),
      });
      return response.status;
    };

    expect(await register('Bearer token-one')).toBe(201);
    expect(await register('bearer token-two')).toBe(201);
    expect(await register('Bearer token-three')).toBe(401);
    expect(await register()).toBe(401);
    expect(JSON.stringify(server.lines)).not.toMatch(/token-(one|two|three)/);
  });
});
