import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/oauth/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import { createVerifier } from '../../src/resource/index.ts';
import { claimsOf, clientError, jsonError, type Observed } from './expectations.ts';
import { observe } from './runner.ts';
import { basic, OTHER_RESOURCE, openWorld, type Parameters, postForm, postJson, REDIRECT, RESOURCE } from './world.ts';

const SECRET = 'a secret of the machine';
const machine = (client_id: string, more: JsonObject = {}) => ({
  client_id,
  client_secret_hash: sha256(SECRET),
  grant_types: ['client_credentials'],
  ...more,
});
const world = await openWorld({
  settings: {
    clients: [
      machine('machine'),
      machine('reader', { scope: 'mcp:read calc:use offline_access' }),
      machine('elsewhere', { scope: 'calc:use' }),
      machine('poster', { token_endpoint_auth_method: 'client_secret_post' }),
      machine('both', { grant_types: ['authorization_code', 'client_credentials'], redirect_uris: [REDIRECT] }),
    ],
  },
});

function ask(form: Parameters = {}, client = 'machine', secret = SECRET): Promise<Observed> {
  const headers = [['Authorization', basic(client, secret)]] as const;
  return observe(world, postForm('/token', { grant_type: 'client_credentials', ...form }, { headers }));
}

function grantedTo({ answer, reasons }: Observed): { body: JsonObject; claims: JsonObject } {
  expect(reasons).toEqual([]);
  expect(answer.status, answer.text).toBe(200);
  expect(answer.header('cache-control')).toBe('no-store');
  const body = answer.json() as JsonObject;
  return { body, claims: claimsOf(String(body['access_token'])) };
}

describe('a machine that authenticates gets a token of its own', () => {
  test('whose subject is the client, for one resource, without a refresh token [AS-74, CC-02, CC-04]', async () => {
    const { body, claims } = grantedTo(await ask({ resource: OTHER_RESOURCE }));

    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'calc:use',
    });
    expect(claims).toEqual({
      iss: world.issuer,
      sub: 'machine',
      client_id: 'machine',
      aud: OTHER_RESOURCE,
      iat: expect.any(Number),
      exp: Number(claims['iat']) + 600,
      jti: expect.stringMatching(/^[\w-]{22}$/),
      gid: expect.stringMatching(/^[\w-]{22}$/),
      scope: 'calc:use',
    });
  });

  test('that MCP servers verify offline', async () => {
    const { body } = grantedTo(await ask());
    using verifier = createVerifier({ issuer: world.issuer, resource: RESOURCE, revocations: false });

    expect(await verifier.loadAccessToken(String(body['access_token']))).toMatchObject({
      subject: 'machine',
      clientId: 'machine',
    });
  });

  test('with its secret in the header or in the body [CC-03]', async () => {
    grantedTo(await ask());
    const form = { grant_type: 'client_credentials', client_id: 'poster', client_secret: SECRET };
    grantedTo(await observe(world, postForm('/token', form)));
  });

  test('beside what it gets for people', async () => {
    const { claims } = grantedTo(await ask({}, 'both'));
    expect(claims['sub']).toBe('both');
  });

  test.each<[string, string, Parameters, string, string]>([
    ['the default resource and its default scope', 'machine', {}, RESOURCE, 'mcp:read'],
    ['what it asks for', 'machine', { scope: 'mcp:write' }, RESOURCE, 'mcp:write'],
    ['what it asks for and the resource knows', 'machine', { scope: 'mcp:write openid' }, RESOURCE, 'mcp:write'],
    ['no refresh by asking', 'machine', { scope: 'mcp:read offline_access' }, RESOURCE, 'mcp:read'],
    ['all it may have here', 'reader', {}, RESOURCE, 'mcp:read'],
    ['all it may have there', 'reader', { resource: OTHER_RESOURCE }, OTHER_RESOURCE, 'calc:use'],
    [
      'the same resource in another spelling',
      'machine',
      { resource: 'HTTPS://MCP.example.test:443/mcp' },
      RESOURCE,
      'mcp:read',
    ],
  ])('for %s', async (_, client, form, resource, scope) => {
    const { body, claims } = grantedTo(await ask(form, client));
    expect([claims['aud'], claims['scope'], body['scope']]).toEqual([resource, scope, scope]);
  });
});

describe('a machine is refused', () => {
  test.each<[string, Parameters, string, Parameters[string]]>([
    ['a resource nobody knows [CC-05]', { resource: 'https://unknown.example/mcp' }, 'machine', 'resource_unknown'],
    ['two resources', { resource: [RESOURCE, OTHER_RESOURCE] }, 'machine', 'resource_unknown'],
    ['a resource that is none', { resource: 'nonsense' }, 'machine', 'resource_malformed'],
    ['more scope than it may have', { scope: 'mcp:read mcp:write' }, 'reader', 'scope_not_allowed'],
    ['scope of which the resource knows nothing', { scope: 'openid' }, 'machine', 'scope_not_allowed'],
    ['nothing but offline_access', { scope: 'offline_access' }, 'machine', 'scope_not_allowed'],
    ['a resource at which it may have no scope', {}, 'elsewhere', 'scope_not_allowed'],
    ['a malformed scope', { scope: '"' }, 'machine', 'scope_malformed'],
  ])('%s', async (_, form, client, reason) => {
    jsonError(reason as 'resource_unknown')(await ask(form, client));
  });

  test('with a wrong secret [CC-05]', async () => {
    clientError('client_credentials_wrong')(await ask({}, 'machine', 'wrong'));
  });

  test('when it is a public client, or registered itself [CC-01, CC-05]', async () => {
    const form = { grant_type: 'client_credentials', client_id: world.publicClient.client_id };
    jsonError('grant_type_not_allowed')(await observe(world, postForm('/token', form)));
    const { basicClient } = world;
    jsonError('grant_type_not_allowed')(await ask({}, basicClient.client_id, basicClient.client_secret));
  });

  test('and does not become one by registering: the grant type is left out [CC-01]', async () => {
    const grant_types = ['authorization_code', 'client_credentials'];
    const { answer } = await observe(world, postJson('/register', { redirect_uris: [REDIRECT], grant_types }));
    expect(answer.json()).toMatchObject({ grant_types: ['authorization_code'] });
    const alone = await observe(
      world,
      postJson('/register', { redirect_uris: [REDIRECT], grant_types: ['client_credentials'] }),
    );
    jsonError('registration_metadata_invalid')(alone);
  });
});

describe('the token of a machine ends', () => {
  const accepts = async (token: unknown) => {
    using verifier = createVerifier({ issuer: world.issuer, resource: RESOURCE, clock: world.server.now });
    return (await verifier.loadAccessToken(String(token))) !== undefined;
  };

  test('when the machine gives it up, and its other tokens do not', async () => {
    const [one, other] = [grantedTo(await ask()).body, grantedTo(await ask()).body];
    const headers = [['Authorization', basic('machine', SECRET)]] as const;
    const { answer } = await observe(world, postForm('/revoke', { token: String(one['access_token']) }, { headers }));
    expect(answer.status).toBe(200);

    expect(await accepts(one['access_token'])).toBe(false);
    expect(await accepts(other['access_token'])).toBe(true);
  });

  test('when the client is revoked, by the clock of the store; the next second it may ask again', async () => {
    const { store } = world.server.guardmint;
    const before = grantedTo(await ask({}, 'reader')).body;
    await store.denylist.deny({ kind: 'client', id: sha256('reader'), lifetime: 900 });

    // In the very second nothing could be told from what was revoked.
    expect((await ask({}, 'reader')).answer.status).toBe(503);
    expect(await accepts(before['access_token'])).toBe(false);
    world.server.advance(1);
    const after = grantedTo(await ask({}, 'reader')).body;
    expect(await accepts(after['access_token'])).toBe(true);
  });
});

test('the grant type is advertised when a client may use it, and not otherwise [CC-03]', async () => {
  const { answer } = await observe(world, { target: '/.well-known/oauth-authorization-server' });
  const metadata = answer.json() as JsonObject;
  expect(metadata['grant_types_supported']).toEqual(['authorization_code', 'refresh_token', 'client_credentials']);
  expect(metadata['token_endpoint_auth_methods_supported']).toContain('client_secret_basic');
});
