import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/oauth/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import { claimsOf, jsonError } from './expectations.ts';
import { observe } from './runner.ts';
import { basic, OTHER_RESOURCE, openWorld, type Parameters, postForm, REDIRECT, RESOURCE } from './world.ts';

// What MCP and the texts behind it say of the token endpoint, one rule each; the many spellings are in exchange.test.ts.
const world = await openWorld({
  settings: {
    resources: [
      {
        resource: RESOURCE,
        scopes: { 'mcp:read': 'Read', 'mcp:write': 'Write', admin: 'Do everything' },
        implies: { admin: ['mcp:write', 'mcp:read'] },
      },
      { resource: OTHER_RESOURCE, scopes: { 'calc:use': 'Calculate' } },
    ],
    clients: [
      { client_id: 'no-refresh', redirect_uris: [REDIRECT], grant_types: ['authorization_code'] },
      { client_id: 'machine', client_secret_hash: sha256('secret'), grant_types: ['client_credentials'] },
    ],
  },
});
const redeem = async (form: Parameters) => observe(world, postForm('/token', form));
const bodyOf = async (form: Parameters) => (await redeem(form)).answer.json() as JsonObject;
const metadata = async () =>
  (await observe(world, { target: '/.well-known/oauth-authorization-server' })).answer.json() as JsonObject;

test('the code verifier is required and must match; a wrong one does not spend the code [AS-61]', async () => {
  const { form } = await world.code();
  jsonError('code_verifier_missing')(await redeem({ ...form, code_verifier: undefined }));
  jsonError('code_verifier_wrong')(await redeem({ ...form, code_verifier: 'x'.repeat(43) }));
  expect((await redeem(form)).answer.status).toBe(200);
});

test('redirect_uri may be left out, and must be the requested one when it is there [AS-62]', async () => {
  const { form } = await world.code();
  jsonError('code_redirect_uri_mismatch')(await redeem({ ...form, redirect_uri: 'http://127.0.0.1:7778/callback' }));
  expect((await redeem({ ...form, redirect_uri: undefined })).answer.status).toBe(200);
});

test('an access token lives five to fifteen minutes, as the answer says [AS-64]', async () => {
  const body = await bodyOf((await world.code()).form);
  const { iat, exp } = claimsOf(String(body['access_token']));
  expect(Number(exp) - Number(iat)).toBe(body['expires_in']);
  expect(body['expires_in']).toBeGreaterThanOrEqual(300);
  expect(body['expires_in']).toBeLessThanOrEqual(900);
});

test('a client that did not register for refresh tokens gets none [AS-65]', async () => {
  const { form } = await world.code({ client_id: 'no-refresh' });
  const body = await bodyOf(form);
  expect([typeof body['access_token'], body['refresh_token']]).toEqual(['string', undefined]);
});

test('offline_access is advertised, and may be asked for [AS-66]', async () => {
  expect((await metadata())['scopes_supported']).toContain('offline_access');
  const body = await bodyOf((await world.code(world.publicClient, { scope: 'mcp:read offline_access' })).form);
  expect(body['refresh_token']).toBeTypeOf('string');
});

test('a refresh token belongs to its client, never widens the scope, and ends unused [AS-67]', async () => {
  const { form } = await world.tokens();
  jsonError('refresh_token_of_other_client')(await redeem({ ...form, client_id: world.otherClient.client_id }));
  jsonError('scope_not_allowed')(await redeem({ ...form, scope: 'admin' }));
  expect(await bodyOf({ ...form, scope: 'mcp:read' })).toMatchObject({ scope: 'mcp:read' });
});

test('the answer names the scope that was granted, which may be less than was asked for [AS-70]', async () => {
  const { form } = await world.code(world.publicClient, { scope: 'mcp:read unknown:scope' });
  expect(await bodyOf(form)).toMatchObject({ scope: 'mcp:read' });
});

test('broader and narrower names together are no error [AS-71]', async () => {
  const { form } = await world.code(world.publicClient, { scope: 'admin mcp:read mcp:write' });
  expect(await bodyOf(form)).toMatchObject({ scope: 'admin mcp:read mcp:write' });
});

test('every kind of token answer is JSON that no cache keeps [AS-72]', async () => {
  const { form } = await world.code();
  const machine = postForm(
    '/token',
    { grant_type: 'client_credentials' },
    { headers: [['Authorization', basic('machine', 'secret')]] },
  );
  for (const { answer } of [await redeem(form), await redeem({ ...form, code: 'x' }), await observe(world, machine)]) {
    expect(answer.header('content-type')).toBe('application/json; charset=utf-8');
    expect([answer.header('cache-control'), answer.header('etag')]).toEqual(['no-store', undefined]);
  }
});

test('a token for an MCP server opens nothing at this server but its own revocation [AS-75]', async () => {
  const { access_token } = await world.tokens();
  const bearer = [['Authorization', `Bearer ${access_token}`]] as const;
  for (const path of ['/token', '/revoke']) {
    const { answer } = await observe(
      world,
      postForm(path, { token: 'x', grant_type: 'refresh_token' }, { headers: bearer }),
    );
    expect([answer.status, (answer.json() as JsonObject)['error']]).toEqual([401, 'invalid_client']);
  }
});
