import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/oauth/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import { createVerifier } from '../../src/resource/index.ts';
import { signCompact } from '../../src/tokens/access-token.ts';
import { createDpopKey } from '../support/dpop.ts';
import { claimsOf, jsonError, type Observed } from './expectations.ts';
import { observe } from './runner.ts';
import { basic, OTHER_RESOURCE, openWorld, type Parameters, postForm, postJson, REDIRECT, RESOURCE } from './world.ts';

const THIRD = 'https://third.example.test/mcp';
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const SECRET = 'a secret of the server';
const server = (client_id: string) => ({
  client_id,
  client_secret_hash: sha256(SECRET),
  grant_types: [GRANT_TYPE, 'client_credentials'],
});
const world = await openWorld({
  settings: {
    resources: [
      {
        resource: RESOURCE,
        scopes: { 'mcp:read': 'Read', 'mcp:write': 'Write', 'mcp:admin': 'Do all', shared: 'Both have it' },
        implies: { 'mcp:admin': ['mcp:write'] },
      },
      { resource: OTHER_RESOURCE, scopes: { 'calc:use': 'Calculate', 'calc:store': 'Store', 'calc:admin': 'Do all' } },
      { resource: THIRD, scopes: { shared: 'Both have it', 'third:use': 'Use' } },
    ],
    clients: [server('notes'), server('calculator'), server('idle')],
    tokenExchanges: [
      {
        client: 'notes',
        from: RESOURCE,
        to: OTHER_RESOURCE,
        scopes: { 'mcp:read': ['calc:use'], 'mcp:write': ['calc:use', 'calc:store'] },
      },
      { client: 'notes', from: RESOURCE, to: THIRD },
      { client: 'calculator', from: OTHER_RESOURCE, to: THIRD, scopes: { 'calc:use': ['third:use'] } },
    ],
  },
});

/** The token of a person for the first resource. */
async function subject(scope = 'mcp:read'): Promise<string> {
  return (await world.tokens(world.publicClient, { scope })).access_token;
}

function exchange(subject_token: string, changes: Parameters = {}, client = 'notes'): Promise<Observed> {
  const form = {
    grant_type: GRANT_TYPE,
    subject_token,
    subject_token_type: ACCESS_TOKEN,
    resource: OTHER_RESOURCE,
    ...changes,
  };
  return observe(world, postForm('/token', form, { headers: [['Authorization', basic(client, SECRET)]] }));
}

function exchanged({ answer, reasons }: Observed): { token: string; body: JsonObject; claims: JsonObject } {
  expect(reasons).toEqual([]);
  expect(answer.status, answer.text).toBe(200);
  expect(answer.header('cache-control')).toBe('no-store');
  const body = answer.json() as JsonObject;
  const token = String(body['access_token']);
  return { token, body, claims: claimsOf(token) };
}

async function isAccepted(token: string): Promise<boolean> {
  const resource = String(claimsOf(token)['aud']);
  using verifier = createVerifier({ issuer: world.issuer, resource, clock: world.server.now });
  return (await verifier.loadAccessToken(token)) !== undefined;
}

/** A token as the server itself would sign it, with claims it does not give. */
function sign(claims: JsonObject): Promise<string> {
  return signCompact(world.server.guardmint.keys.signer(), 'at+jwt', claims);
}

describe('an MCP server exchanges a token it was called with', () => {
  test('for one of the same person and grant, at another resource, in which it acts [TX-01, TX-02]', async () => {
    const from = await subject();
    const { body, claims } = exchanged(await exchange(from));

    expect(body).toEqual({
      access_token: expect.any(String),
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'calc:use',
    });
    const before = claimsOf(from);
    expect(claims).toEqual({
      iss: world.issuer,
      sub: before['sub'],
      aud: OTHER_RESOURCE,
      client_id: 'notes',
      iat: expect.any(Number),
      exp: expect.any(Number),
      jti: expect.not.stringMatching(String(before['jti'])),
      scope: 'calc:use',
      gid: before['gid'],
      auth_time: before['auth_time'],
      amr: before['amr'],
      act: { sub: 'notes' },
    });
    expect(await isAccepted(String(body['access_token']))).toBe(true);
    expect(await isAccepted(from)).toBe(true);
  });

  test('as often as it likes', async () => {
    const from = await subject();
    expect(exchanged(await exchange(from)).claims['jti']).not.toBe(exchanged(await exchange(from)).claims['jti']);
  });

  test('for one that ends no later [TX-03]', async () => {
    const from = await subject();
    world.server.advance(500);
    const { body, claims } = exchanged(await exchange(from));
    expect(claims['exp']).toBe(claimsOf(from)['exp']);
    expect(body['expires_in']).toBe(Number(claims['exp']) - Number(claims['iat']));
    expect(Number(body['expires_in'])).toBeLessThanOrEqual(100);
  });

  test('with the target in audience, or in both [TX-04]', async () => {
    const from = await subject();
    exchanged(await exchange(from, { resource: undefined, audience: OTHER_RESOURCE }));
    exchanged(await exchange(from, { audience: OTHER_RESOURCE }));
    jsonError('resource_unknown')(await exchange(from, { audience: THIRD }));
    jsonError('resource_missing')(await exchange(from, { resource: undefined }));
    jsonError('resource_unknown')(await exchange(from, { resource: 'https://unknown.example/mcp' }));
    jsonError('resource_malformed')(await exchange(from, { resource: undefined, audience: 'calculator' }));
  });

  test('and the next server exchanges that one: who acted before stands inside [TX-02]', async () => {
    const first = exchanged(await exchange(await subject())).token;
    const { claims } = exchanged(await exchange(first, { resource: THIRD }, 'calculator'));
    expect(claims).toMatchObject({
      sub: claimsOf(first)['sub'],
      gid: claimsOf(first)['gid'],
      client_id: 'calculator',
      act: { sub: 'calculator', act: { sub: 'notes' } },
      scope: 'third:use',
    });
  });

  test('that belongs to a machine as well', async () => {
    const form = { grant_type: 'client_credentials', resource: RESOURCE, scope: 'mcp:read' };
    const headers = [['Authorization', basic('idle', SECRET)]] as const;
    const machine = exchanged(await observe(world, postForm('/token', form, { headers }))).token;
    const { claims } = exchanged(await exchange(machine));
    expect(claims).toMatchObject({ sub: 'idle', client_id: 'notes', gid: claimsOf(machine)['gid'] });
  });
});

describe('an exchange permits no more than the token it is made from [TX-05]', () => {
  test.each<[string, string, Parameters, string]>([
    ['what each name stands for', 'mcp:write', {}, 'calc:use calc:store'],
    ['what a broader name implies', 'mcp:admin', {}, 'calc:use calc:store'],
    ['less when less is asked for', 'mcp:write', { scope: 'calc:store' }, 'calc:store'],
    ['what remains of what is asked for', 'mcp:read', { scope: 'calc:use calc:store calc:admin' }, 'calc:use'],
    ['names both have, where nothing is said', 'shared mcp:read', { resource: THIRD }, 'shared'],
  ])('%s', async (_, held, form, scope) => {
    const { body, claims } = exchanged(await exchange(await subject(held), form));
    expect([body['scope'], claims['scope']]).toEqual([scope, scope]);
  });

  test.each<[string, string, Parameters]>([
    ['a name that stands for another', 'mcp:read', { scope: 'calc:store' }],
    ['a name of the target that nothing stands for', 'mcp:admin', { scope: 'calc:admin' }],
    ['a name of the subject token that the target does not know', 'mcp:read', { scope: 'mcp:read' }],
    ['offline_access', 'mcp:read', { scope: 'offline_access' }],
    ['anything, where nothing is left', 'mcp:read', { resource: THIRD }],
  ])('refused: %s', async (_, held, form) => {
    jsonError('scope_not_allowed')(await exchange(await subject(held), form));
  });
});

describe('an exchange is refused', () => {
  test('to a client the configuration does not name for this resource, or for this target [TX-06]', async () => {
    const from = await subject();
    jsonError('subject_token_of_other_resource')(await exchange(from, {}, 'idle'));
    jsonError('subject_token_of_other_resource')(await exchange(from, {}, 'calculator'));
    const other = exchanged(await exchange(from)).token;
    jsonError('exchange_target_not_allowed')(await exchange(other, { resource: RESOURCE }, 'calculator'));
    jsonError('exchange_target_not_allowed')(await exchange(from, { resource: RESOURCE }));
  });

  test('to clients that registered themselves, or do not authenticate [TX-06]', async () => {
    const form = {
      grant_type: GRANT_TYPE,
      subject_token: await subject(),
      subject_token_type: ACCESS_TOKEN,
      resource: OTHER_RESOURCE,
      client_id: world.publicClient.client_id,
    };
    jsonError('grant_type_not_allowed')(await observe(world, postForm('/token', form)));
    const grant_types = ['authorization_code', GRANT_TYPE];
    const { answer } = await observe(world, postJson('/register', { redirect_uris: [REDIRECT], grant_types }));
    expect(answer.json()).toMatchObject({ grant_types: ['authorization_code'] });
  });

  test.each([['subject_token'], ['subject_token_type']])('without %s [TX-04]', async (name) => {
    jsonError('parameter_missing')(await exchange('x', { [name]: undefined }));
  });

  test('when somebody else was named to act; not when this client was, by this issuer [TX-07]', async () => {
    const claims = claimsOf(await subject());
    for (const may_act of [{ sub: 'idle' }, {}, { sub: 'notes', iss: 'https://evil.example' }, { sub: ['notes'] }])
      jsonError('subject_token_for_other_actor')(await exchange(await sign({ ...claims, may_act })));
    for (const may_act of [{ sub: 'notes' }, { sub: 'notes', iss: world.issuer }])
      exchanged(await exchange(await sign({ ...claims, may_act })));
    jsonError('subject_token_unknown')(await exchange(await sign({ ...claims, may_act: 'notes' })));
  });
});

describe('what was exchanged ends', () => {
  test('when the grant is revoked [TX-08]', async () => {
    const { access_token, refresh_token } = await world.tokens(world.publicClient, { scope: 'mcp:read' });
    const first = exchanged(await exchange(access_token)).token;
    const second = exchanged(await exchange(first, { resource: THIRD }, 'calculator')).token;
    await observe(world, postForm('/revoke', { token: refresh_token, client_id: world.publicClient.client_id }));

    expect(await isAccepted(first)).toBe(false);
    expect(await isAccepted(second)).toBe(false);
    jsonError('subject_token_unknown')(await exchange(access_token));
  });

  test('when the server gives it up, and the grant of the person goes on [TX-08]', async () => {
    const { access_token, form } = await world.tokens(world.publicClient, { scope: 'mcp:read' });
    const { token } = exchanged(await exchange(access_token));
    const headers = [['Authorization', basic('notes', SECRET)]] as const;
    expect((await observe(world, postForm('/revoke', { token }, { headers }))).answer.status).toBe(200);

    expect(await isAccepted(token)).toBe(false);
    expect(await isAccepted(access_token)).toBe(true);
    expect((await observe(world, postForm('/token', form))).answer.status).toBe(200);
  });

  test('when the person is signed out everywhere', async () => {
    const from = await subject();
    const { token, claims } = exchanged(await exchange(from));
    const { store } = world.server.guardmint;
    await store.denylist.deny({ kind: 'subject', id: String(claims['sub']), lifetime: 900 });
    expect(await isAccepted(token)).toBe(false);
    jsonError('subject_token_unknown')(await exchange(from));
    world.server.advance(1);
  });
});

test('a server that proves a key gets a token bound to it, and a bound token is exchanged for nothing less', async () => {
  const key = await createDpopKey();
  const url = `${world.issuer}/token`;
  const bound = await sign({ ...claimsOf(await subject()), cnf: { jkt: 'A'.repeat(43) } });
  jsonError('subject_token_bound')(await exchange(bound));
  const form = {
    grant_type: GRANT_TYPE,
    subject_token: bound,
    subject_token_type: ACCESS_TOKEN,
    resource: OTHER_RESOURCE,
  };
  const proof = await key.prove({ url, now: world.server.now() });
  const headers = [['Authorization', basic('notes', SECRET)] as const, ['DPoP', proof] as const];
  const { body, claims } = exchanged(await observe(world, postForm('/token', form, { headers })));
  expect([body['token_type'], claims['cnf']]).toEqual(['DPoP', { jkt: key.jkt }]);
});

test('the grant type is advertised', async () => {
  const { answer } = await observe(world, { target: '/.well-known/oauth-authorization-server' });
  expect((answer.json() as JsonObject)['grant_types_supported']).toContain(GRANT_TYPE);
});
