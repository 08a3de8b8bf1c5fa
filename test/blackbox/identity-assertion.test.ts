import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type JsonObject, type RejectionReason, UnavailableError } from '../../src/oauth/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import { createVerifier } from '../../src/resource/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createForeignSigner } from '../support/assertion.ts';
import { createDpopKey, type DpopKey } from '../support/dpop.ts';
import { identityClaims, startForeignIssuer } from '../support/identity-provider.ts';
import { JWT_BEARER, OTHER_RESOURCE, openAssertionWorld, RESOURCE, SECRET } from './assertion-world.ts';
import { claimsOf, clientError, jsonError, type Observed } from './expectations.ts';
import { observe } from './runner.ts';
import { basic, postForm } from './world.ts';

const own = await openAssertionWorld();
const { world, provider } = own;

function granted({ answer, reasons }: Observed): { body: JsonObject; claims: JsonObject } {
  expect(reasons).toEqual([]);
  expect(answer.status, answer.text).toBe(200);
  expect(answer.header('cache-control')).toBe('no-store');
  const body = answer.json() as JsonObject;
  return { body, claims: claimsOf(String(body['access_token'])) };
}

describe('an ID-JAG of a trusted identity provider', () => {
  test('buys an access token for its resource, and no refresh token [EMA-01, EMA-08, EMA-12]', async () => {
    const { body, claims } = granted(await own.present(await own.identity({ resource: RESOURCE, scope: 'mcp:write' })));

    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'mcp:write',
    });
    expect(claims).toEqual({
      iss: world.issuer,
      sub: sha256(JSON.stringify([provider.issuer, null, 'employee-42'])),
      aud: RESOURCE,
      client_id: 'app',
      iat: expect.any(Number),
      exp: Number(claims['iat']) + 600,
      jti: expect.any(String),
      gid: expect.stringMatching(/^[\w-]{22}$/),
      scope: 'mcp:write',
    });
    using verifier = createVerifier({ issuer: world.issuer, resource: RESOURCE, clock: world.server.now });
    expect(await verifier.loadAccessToken(String(body['access_token']))).toMatchObject({ clientId: 'app' });
  });

  test('carries over how the person signed in and who acts for them, and nothing else [EMA-06]', async () => {
    const { claims } = granted(
      await own.present(
        await own.identity({
          auth_time: 1_700_000_000,
          amr: ['mfa', 'pwd'],
          acr: 'urn:level',
          email: 'alice@acme.example',
          groups: ['admins'],
          act: { sub: 'agent-7', name: 'Agent', act: { sub: 'agent-6', iss: 'https://agents.example' } },
        }),
      ),
    );
    expect(claims).toMatchObject({ auth_time: 1_700_000_000, amr: ['mfa', 'pwd'] });
    expect(claims['act']).toEqual({
      sub: 'agent-7',
      iss: provider.issuer,
      act: { sub: 'agent-6', iss: 'https://agents.example' },
    });
    for (const name of ['email', 'groups', 'acr', 'tenant']) expect(claims[name]).toBeUndefined();
  });

  test('names one person always, and another where issuer, tenant or subject differ [EMA-14]', async () => {
    const subjectOf = async (claims: JsonObject) =>
      granted(await own.present(await own.identity(claims))).claims['sub'];
    const subjects = await Promise.all(
      [{}, {}, { sub: 'employee-43' }, { tenant: 'acme' }, { tenant: 'umbrella' }].map(subjectOf),
    );
    expect(subjects[0]).toBe(subjects[1]);
    expect(new Set(subjects).size).toBe(4);
  });

  test.each<[string, JsonObject, Record<string, string>, string, string]>([
    [
      'its only resource and its scope',
      { resource: OTHER_RESOURCE, scope: 'calc:use' },
      {},
      OTHER_RESOURCE,
      'calc:use',
    ],
    ['a list of one resource', { resource: [OTHER_RESOURCE] }, {}, OTHER_RESOURCE, 'calc:use'],
    ['another spelling of it', { resource: 'HTTPS://MCP.example.test:443/mcp' }, {}, RESOURCE, 'mcp:read'],
    [
      'one of its resources',
      { resource: [RESOURCE, OTHER_RESOURCE] },
      { resource: OTHER_RESOURCE },
      OTHER_RESOURCE,
      'calc:use',
    ],
    ['the default resource, when it names none', {}, {}, RESOURCE, 'mcp:read'],
    ['the resource asked for, when it names none', {}, { resource: OTHER_RESOURCE }, OTHER_RESOURCE, 'calc:use'],
    ['no more scope than it has', { scope: 'mcp:read' }, { scope: 'mcp:read mcp:write' }, RESOURCE, 'mcp:read'],
    ['no more scope than is asked for', { scope: 'mcp:read mcp:write' }, { scope: 'mcp:write' }, RESOURCE, 'mcp:write'],
    ['no scope the resource does not know', { scope: 'openid mcp:read offline_access' }, {}, RESOURCE, 'mcp:read'],
  ])('buys a token for %s [EMA-07, EMA-09]', async (_, claims, form, resource, scope) => {
    const { body, claims: got } = granted(await own.present(await own.identity(claims), form));
    expect([got['aud'], got['scope'], body['scope']]).toEqual([resource, scope, scope]);
  });

  test('may have its one audience in a list, and `typ` in any case [EMA-03, EMA-04]', async () => {
    granted(await own.present(await own.identity({ aud: [world.issuer] })));
    granted(await own.present(await own.identity({}, { typ: 'application/OAUTH-ID-JAG+JWT' })));
  });

  test('is spent once: of 20 concurrent uses one buys a token [EMA-17]', async () => {
    const assertion = await own.identity();
    const answers = await Promise.all(Array.from({ length: 20 }, () => own.present(assertion)));
    expect(answers.filter(({ answer }) => answer.status === 200).length).toBe(1);
  });

  test('is not spent by what is refused [EMA-17]', async () => {
    const assertion = await own.identity({ resource: [RESOURCE, OTHER_RESOURCE] });
    jsonError('resource_missing')(await own.present(assertion));
    jsonError('resource_unknown')(await own.present(assertion, { resource: 'https://third.example/mcp' }));
    granted(await own.present(assertion, { resource: OTHER_RESOURCE }));
    const one = await own.identity({ resource: RESOURCE });
    jsonError('resource_mismatch')(await own.present(one, { resource: OTHER_RESOURCE }));
    granted(await own.present(one));
    const other = await own.identity();
    jsonError('scope_not_allowed')(await own.present(other, { scope: 'calc:use' }));
    jsonError('assertion_of_other_client')(await own.present(other, {}, 'other-app'));
    jsonError('resource_unknown')(await own.present(other, { resource: 'https://unknown.example' }));
    granted(await own.present(other));
  });
});

describe('an ID-JAG is refused', () => {
  const now = () => world.server.now();
  test.each<[string, JsonObject, RejectionReason]>([
    ['for another authorization server [EMA-04]', { aud: 'https://other-as.example' }, 'assertion_audience_wrong'],
    [
      'for us and another one [EMA-04]',
      { aud: [world.issuer, 'https://other-as.example'] },
      'assertion_audience_wrong',
    ],
    ['for us twice [EMA-04]', { aud: [world.issuer, world.issuer] }, 'assertion_audience_wrong'],
    ['for the token endpoint [EMA-04]', { aud: `${world.issuer}/token` }, 'assertion_audience_wrong'],
    ['for our issuer with a slash [EMA-04]', { aud: `${world.issuer}/` }, 'assertion_audience_wrong'],
    ['for nobody [EMA-04, EMA-06]', { aud: undefined }, 'assertion_malformed'],
    ['for a client of another name [EMA-05]', { client_id: 'other-app' }, 'assertion_of_other_client'],
    ['for a client in other case [EMA-05]', { client_id: 'APP' }, 'assertion_of_other_client'],
    ['for a list of clients [EMA-05]', { client_id: ['app'] }, 'assertion_invalid'],
    ['without a client [EMA-05, EMA-06]', { client_id: undefined }, 'assertion_invalid'],
    ['without a subject [EMA-06]', { sub: undefined }, 'assertion_invalid'],
    ['without an issuer [EMA-06]', { iss: undefined }, 'assertion_malformed'],
    ['without jti [EMA-06, EMA-17]', { jti: undefined }, 'assertion_invalid'],
    ['without exp [EMA-06]', { exp: undefined }, 'assertion_malformed'],
    ['without iat [EMA-06]', { iat: undefined }, 'assertion_invalid'],
    [
      'of an issuer nobody trusts [EMA-14, EMA-16]',
      { iss: 'https://attacker.idp.example' },
      'assertion_issuer_untrusted',
    ],
    ['of an issuer with a slash more [EMA-14]', { iss: `${provider.issuer}/` }, 'assertion_issuer_untrusted'],
    ['that names us as its issuer [EMA-15]', { iss: world.issuer }, 'assertion_issuer_untrusted'],
    [
      'for a resource nobody knows [EMA-07, EMA-16]',
      { resource: 'https://attacker.mcp.example/' },
      'assertion_resource_unknown',
    ],
    ['for a resource that is none [EMA-07]', { resource: 'mcp' }, 'assertion_invalid'],
    ['for an empty list of resources [EMA-07]', { resource: [] }, 'assertion_invalid'],
    ['for a resource that is no text [EMA-07]', { resource: { a: 1 } }, 'assertion_invalid'],
    ['for scope nobody knows [EMA-09, EMA-16]', { scope: 'mcp.unknown' }, 'scope_not_allowed'],
    ['for no scope [EMA-09]', { scope: '' }, 'scope_not_allowed'],
    ['for malformed scope [EMA-09]', { scope: 'a"' }, 'assertion_invalid'],
    ['for scope in a list [EMA-09]', { scope: ['mcp:read'] }, 'assertion_invalid'],
    ['with authorization details [EMA-10]', { authorization_details: [] }, 'assertion_details_unsupported'],
    ['bound to a key that was not proved [EMA-11]', { cnf: { jkt: sha256('a key') } }, 'assertion_of_other_sender'],
    ['bound in a way we do not know [EMA-11]', { cnf: { 'x5t#S256': 'x' } }, 'assertion_invalid'],
    ['with a malformed tenant [EMA-14]', { tenant: 7 }, 'assertion_invalid'],
    ['with a malformed actor', { act: { name: 'nobody' } }, 'assertion_invalid'],
    ['with a malformed time of sign-in', { auth_time: 'yesterday' }, 'assertion_invalid'],
    ['that has expired [EMA-16]', { exp: now() - 60 }, 'assertion_expired'],
    ['that is not valid yet', { nbf: now() + 100 }, 'assertion_invalid'],
    ['from the future', { iat: now() + 100 }, 'assertion_invalid'],
    ['that lives too long [EMA-18]', { exp: now() + 3_600 }, 'assertion_invalid'],
  ])('%s', async (_, claims, reason) => {
    jsonError(reason)(await own.present(await own.identity(claims)));
  });

  test.each<[string, Record<string, unknown>, RejectionReason]>([
    ['an ID token (`typ JWT`) [EMA-03]', { typ: 'JWT' }, 'assertion_issuer_untrusted'],
    ['no typ at all [EMA-03]', { typ: undefined }, 'assertion_issuer_untrusted'],
    ['an access token (`typ at+jwt`) [EMA-03]', { typ: 'at+jwt' }, 'assertion_issuer_untrusted'],
    ['a client assertion [EMA-03]', { typ: 'client-authentication+jwt' }, 'assertion_issuer_untrusted'],
    ['a typ that is no text [EMA-03]', { typ: 7 }, 'assertion_malformed'],
    ['an unknown key [EMA-16, EMA-18]', { kid: 'another' }, 'assertion_signature_wrong'],
    ['a key of its own [EMA-18]', { kid: 'another', jwk: provider.signer.publicJwk }, 'assertion_signature_wrong'],
  ])('with %s', async (_, header, reason) => {
    jsonError(reason)(await own.present(await own.identity({}, header)));
  });

  test('when it is signed with a key that is not published [EMA-16, EMA-18]', async () => {
    const claims = identityClaims({ issuer: provider.issuer, audience: world.issuer, client: 'app', now: now() });
    const attacker = await createForeignSigner();
    const header = { typ: 'oauth-id-jag+jwt' };
    for (const kid of [attacker.kid, provider.signer.kid, undefined])
      jsonError('assertion_signature_wrong')(await own.present(await attacker.sign(claims, { ...header, kid })));
    const [, body = ''] = (await own.identity()).split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'oauth-id-jag+jwt' })).toString('base64url');
    const mac = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'oauth-id-jag+jwt' })).toString('base64url');
    for (const text of [`${none}.${body}.`, `${none}.${body}`, `${mac}.${body}.AAAA`, `${none}.${body}.AAAA`, 'x'])
      jsonError('assertion_malformed')(await own.present(text));
  });

  test('from clients that do not authenticate, or may not use the grant [EMA-02]', async () => {
    jsonError('parameter_missing')(await own.present(''));
    clientError('client_credentials_wrong')(
      await observe(
        world,
        postForm(
          '/token',
          { grant_type: JWT_BEARER, assertion: await own.identity() },
          { headers: [['Authorization', `Basic ${Buffer.from('app:wrong').toString('base64')}`]] },
        ),
      ),
    );
    jsonError('client_missing')(await own.present(await own.identity(), {}, null));
    const form = { grant_type: JWT_BEARER, client_id: 'public-app' };
    const assertion = await own.identity({ client_id: 'public-app' });
    jsonError('grant_type_not_allowed')(await observe(world, postForm('/token', { ...form, assertion })));
    jsonError('grant_type_not_allowed')(
      await own.present(await own.identity({ client_id: 'no-grant' }), {}, 'no-grant'),
    );
    granted(
      await observe(
        world,
        postForm('/token', {
          grant_type: JWT_BEARER,
          assertion: await own.identity({ client_id: 'post-app' }),
          client_id: 'post-app',
          client_secret: SECRET,
        }),
      ),
    );
  });

  test('beyond the scope of a configured client [EMA-09]', async () => {
    const { claims } = granted(
      await own.present(await own.identity({ client_id: 'reader', scope: 'mcp:read mcp:write' }), {}, 'reader'),
    );
    expect(claims['scope']).toBe('mcp:read');
    jsonError('scope_not_allowed')(
      await own.present(await own.identity({ client_id: 'reader', scope: 'mcp:write' }), {}, 'reader'),
    );
  });
});

test('the profile is advertised, and nobody who is trusted [EMA-13]', async () => {
  const { answer } = await observe(world, { target: '/.well-known/oauth-authorization-server' });
  const metadata = answer.json() as JsonObject;
  expect(metadata['grant_types_supported']).toContain(JWT_BEARER);
  expect(metadata['authorization_grant_profiles_supported']).toEqual(['urn:ietf:params:oauth:grant-profile:id-jag']);
  expect(answer.text).not.toContain(provider.issuer);
});

test('while the keys of the provider cannot be had nobody knows: 503, and the assertion is not spent', async () => {
  const other = await openAssertionWorld();
  const assertion = await other.identity();
  other.provider.jwks = undefined;
  const { answer } = await other.present(assertion);
  expect([answer.status, Number(answer.header('retry-after')) > 0]).toEqual([503, true]);
  other.provider.jwks = { keys: [other.provider.signer.publicJwk] };
  other.world.server.advance(5);
  granted(await other.present(assertion));
});

test('while the store cannot say whether it was used nobody gets a token: 503, and once it can, one does [EMA-17]', async () => {
  let isFailing = false;
  const fail = () => Promise.reject(new UnavailableError('store'));
  const other = await openAssertionWorld({
    store: (clock) => {
      const working = createMemoryStore({ clock });
      const consumeOnce: typeof working.oneTime.consumeOnce = (marker) =>
        isFailing ? fail() : working.oneTime.consumeOnce(marker);
      return { ...working, oneTime: { consumeOnce }, now: () => (isFailing ? fail() : working.now()) };
    },
  });
  const [assertion, token] = [await other.identity(), await other.workload()];
  isFailing = true;
  for (const { answer } of [await other.present(assertion), await other.present(token, {}, null)]) {
    expect([answer.status, answer.header('retry-after')]).toEqual([503, '5']);
    expect((answer.json() as JsonObject)['error']).toBe('temporarily_unavailable');
  }
  isFailing = false;
  granted(await other.present(assertion));
  jsonError('assertion_spent')(await other.present(assertion));
  granted(await other.present(token, {}, null));
});

test('a provider may be trusted for less: replay, tenant, clients, resources, scope, its own subjects [EMA-14, EMA-17]', async () => {
  const other = await openAssertionWorld({
    provider: {
      replay: 'until_expiry',
      clients: ['app', 'public-app'],
      allowPublicClients: true,
      resources: [RESOURCE],
      scopes: ['mcp:read'],
      subject: 'aud_sub',
      algorithms: ['ES256'],
    },
  });
  const assertion = await other.identity({ aud_sub: 'alice', scope: 'mcp:read mcp:write' });
  for (const _ of [1, 2]) {
    const { claims } = granted(await other.present(assertion));
    expect([claims['sub'], claims['scope']]).toEqual(['alice', 'mcp:read']);
  }
  jsonError('assertion_invalid')(await other.present(await other.identity()));
  jsonError('assertion_of_other_client')(
    await other.present(await other.identity({ aud_sub: 'alice', client_id: 'other-app' }), {}, 'other-app'),
  );
  jsonError('resource_not_permitted')(
    await other.present(await other.identity({ aud_sub: 'alice', resource: OTHER_RESOURCE })),
  );
  const form = { grant_type: JWT_BEARER, client_id: 'public-app' };
  const assertionOfPublic = await other.identity({ aud_sub: 'alice', client_id: 'public-app' });
  granted(await observe(other.world, postForm('/token', { ...form, assertion: assertionOfPublic })));
});

test('giving up a token ends its grant and what was exchanged from it, also where somebody acts for the person [EMA-06, TX-08]', async () => {
  const { store } = world.server.guardmint;
  const headers = [['Authorization', basic('app', SECRET)]] as const;
  for (const act of [undefined, { sub: 'agent-7' }, { sub: 'app' }, { sub: 'app', iss: world.issuer }]) {
    const { body, claims } = granted(await own.present(await own.identity({ act })));
    await observe(world, postForm('/revoke', { token: String(body['access_token']) }, { headers }));
    expect(await store.denylist.match([{ kind: 'grant', id: String(claims['gid']) }])).toHaveLength(1);
  }
});

test('an ID-JAG that is bound to a key buys a token bound to that key, with its proof [EMA-11]', async () => {
  const key = await createDpopKey();
  const assertion = await own.identity({ cnf: { jkt: key.jkt } });
  const url = `${world.issuer}/token`;
  const prove = async (by: DpopKey) => [['DPoP', await by.prove({ url, now: world.server.now() })]] as const;
  const present = async (headers: readonly (readonly [string, string])[]) =>
    observe(
      world,
      postForm(
        '/token',
        { grant_type: JWT_BEARER, assertion },
        { headers: [['Authorization', basic('app', SECRET)], ...headers] },
      ),
    );
  jsonError('assertion_of_other_sender')(await present(await prove(await createDpopKey())));
  const { body, claims } = granted(await present(await prove(key)));
  expect(body['token_type']).toBe('DPoP');
  expect(claims['cnf']).toEqual({ jkt: key.jkt });
});

test('a client of a metadata document may be named without being configured; only then is its document fetched [EMA-02]', async () => {
  const signer = await createForeignSigner();
  let clientId = '';
  await using site = await startForeignIssuer({
    answer: (_request, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(
        JSON.stringify({
          client_id: clientId,
          client_name: 'Agent',
          redirect_uris: ['http://127.0.0.1/callback'],
          grant_types: [JWT_BEARER],
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: { keys: [signer.publicJwk] },
        }),
      ),
  });
  clientId = `${site.issuer}/client.json`;
  const at = world.server.now();
  const prove = () =>
    signer.sign(
      { iss: clientId, sub: clientId, aud: world.issuer, jti: randomUUID(), iat: at, exp: at + 60 },
      { typ: 'client-authentication+jwt' },
    );
  const present = async (assertion: string) =>
    observe(
      world,
      postForm('/token', {
        grant_type: JWT_BEARER,
        assertion,
        client_assertion: await prove(),
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      }),
    );

  const attacker = await createForeignSigner();
  const claims = identityClaims({ issuer: provider.issuer, audience: world.issuer, client: clientId, now: at });
  for (const forged of [
    await attacker.sign(claims, { typ: 'oauth-id-jag+jwt', kid: provider.signer.kid }),
    await own.identity({ client_id: 'app' }),
    'x',
  ])
    jsonError('client_unknown')(await present(forged));
  expect(site.requests).toEqual([]);
  expect(granted(await present(await own.identity({ client_id: clientId }))).claims['client_id']).toBe(clientId);
  expect(site.requests).toEqual(['/client.json']);
});

test('no assertion and no token it buys reaches the log or the audit, accepted or refused', async () => {
  const secrets: string[] = [];
  for (const claims of [{}, { aud: 'https://other-as.example' }, { client_id: 'other-app' }]) {
    const [assertion, token] = [await own.identity(claims), await own.workload(claims)];
    const answers = [await own.present(assertion), await own.present(token, {}, null)];
    const bought = answers.map(({ answer }) => (answer.json() as JsonObject)['access_token']);
    secrets.push(
      ...[assertion, token, ...bought.filter((one) => one !== undefined)].map((one) => String(one).split('.')[2] ?? ''),
    );
  }
  const written = world.server.lines.join('') + JSON.stringify(world.server.events);
  expect(secrets.filter((secret) => secret === '' || written.includes(secret))).toEqual([]);
  expect(secrets.length).toBeGreaterThan(6);
});
