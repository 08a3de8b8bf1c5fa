import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { JsonObject, RejectionReason } from '../../src/oauth/index.ts';
import { createVerifier } from '../../src/resource/index.ts';
import { createForeignSigner } from '../support/assertion.ts';
import { createDpopKey } from '../support/dpop.ts';
import {
  CLUSTER_CLIENT,
  JWT_BEARER,
  kubernetesClaims,
  OTHER_RESOURCE,
  openAssertionWorld,
  RESOURCE,
  SECRET,
} from './assertion-world.ts';
import { claimsOf, jsonError, type Observed } from './expectations.ts';
import { observe } from './runner.ts';
import { basic, postForm } from './world.ts';

const own = await openAssertionWorld();
const { world, cluster } = own;
const now = () => world.server.now();

function granted({ answer, reasons }: Observed): { body: JsonObject; claims: JsonObject } {
  expect(reasons).toEqual([]);
  expect(answer.status, answer.text).toBe(200);
  const body = answer.json() as JsonObject;
  return { body, claims: claimsOf(String(body['access_token'])) };
}

describe('a workload with a token of its platform', () => {
  test('needs no client: a service account token of Kubernetes buys an access token [WIF-01, WIF-02]', async () => {
    const { body, claims } = granted(await own.present(await own.workload(), { resource: RESOURCE }, null));

    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'mcp:read',
    });
    expect(claims).toEqual({
      iss: world.issuer,
      sub: 'reporter',
      client_id: 'reporter',
      aud: RESOURCE,
      iat: expect.any(Number),
      exp: Number(claims['iat']) + 600,
      jti: expect.any(String),
      gid: expect.any(String),
      scope: 'mcp:read',
    });
    using verifier = createVerifier({ issuer: world.issuer, resource: RESOURCE, clock: now });
    expect(await verifier.loadAccessToken(String(body['access_token']))).toMatchObject({ subject: 'reporter' });
    // Every issuance is written down, with who vouched for whom.
    expect(world.server.events.findLast(({ event }) => event === 'token.issued')).toMatchObject({
      issuer: cluster.issuer,
      workload: 'system:serviceaccount:prod:reporter',
      subject: 'reporter',
    });
  });

  test('uses the same token until it expires, and the keys are fetched once [WIF-07]', async () => {
    const token = await own.workload();
    for (const _ of [1, 2, 3]) granted(await own.present(token, {}, null));
    expect(cluster.requests.filter((url) => url === '/jwks').length).toBe(1);
    expect(cluster.requests.filter((url) => url.startsWith('/.well-known')).length).toBe(1);
  });

  test('may name the issuer, with and without a slash, or the token endpoint as audience [WIF-03]', async () => {
    for (const aud of [world.issuer, `${world.issuer}/`, `${world.issuer}/token`, [world.issuer]])
      granted(await own.present(await own.workload({ aud }), {}, null));
  });

  test('may authenticate as its client too, and as no other', async () => {
    const { claims } = granted(await own.present(await own.workload(), {}, 'reporter'));
    expect(claims['client_id']).toBe('reporter');
    jsonError('assertion_of_other_client')(await own.present(await own.workload(), {}, 'app'));
  });

  test('is known by a name that begins in a certain way, where the operator says so [WIF-04]', async () => {
    const { claims } = granted(
      await own.present(
        await own.workload({ sub: 'system:serviceaccount:batch:nightly' }),
        { resource: OTHER_RESOURCE },
        null,
      ),
    );
    expect(claims).toMatchObject({ sub: 'anything-in-batch', scope: 'calc:use' });
  });
});

test('a workload that is a client of the configuration keeps to what is said there, named or not', async () => {
  const other = await openAssertionWorld({
    cluster: { workloads: [{ clientId: CLUSTER_CLIENT, claims: { sub: 'system:serviceaccount:prod:reporter' } }] },
    clusterClient: { scope: 'mcp:read', dpop_bound_access_tokens: true },
  });
  const key = await createDpopKey();
  const url = `${other.world.issuer}/token`;
  for (const client of [null, CLUSTER_CLIENT]) {
    const assertion = await other.workload();
    const form = { grant_type: JWT_BEARER, assertion, resource: RESOURCE };
    const named = client === null ? [] : [['Authorization', basic(client, SECRET)] as const];
    jsonError('dpop_proof_missing')(await other.present(assertion, { resource: RESOURCE }, client));
    const ask = async (scope: string) => {
      const proof = await key.prove({ url, now: other.world.server.now() });
      return observe(other.world, postForm('/token', { ...form, scope }, { headers: [...named, ['DPoP', proof]] }));
    };
    expect(granted(await ask('mcp:read mcp:write')).claims).toMatchObject({ scope: 'mcp:read', cnf: { jkt: key.jkt } });
    jsonError('scope_not_allowed')(await ask('mcp:write'));
  }
});

describe('a workload is refused', () => {
  test.each<[string, JsonObject, RejectionReason]>([
    [
      'with an audience of somebody else [WIF-03, WIF-06]',
      { aud: ['https://kubernetes.default.svc'] },
      'assertion_audience_wrong',
    ],
    [
      'with an audience beside ours [WIF-03]',
      { aud: [world.issuer, 'https://other.example'] },
      'assertion_audience_wrong',
    ],
    [
      'of an issuer nobody trusts [WIF-04, WIF-06]',
      { iss: 'https://cluster.attacker.example' },
      'assertion_issuer_untrusted',
    ],
    [
      'of the identity provider, which vouches for people only [WIF-04]',
      { iss: own.provider.issuer },
      'assertion_issuer_untrusted',
    ],
    [
      'of another service account [WIF-04, WIF-06]',
      { sub: 'system:serviceaccount:prod:reporter-2' },
      'assertion_workload_unknown',
    ],
    ['of another namespace [WIF-04]', { 'kubernetes.io': { namespace: 'dev' } }, 'assertion_workload_unknown'],
    ['without the claim that is asked for [WIF-04]', { 'kubernetes.io': undefined }, 'assertion_workload_unknown'],
    [
      'whose name only begins a pattern [WIF-04]',
      { sub: 'system:serviceaccount:batch:' },
      'assertion_workload_unknown',
    ],
    ['without a subject [WIF-02]', { sub: undefined }, 'assertion_invalid'],
    ['that has expired [WIF-06]', { exp: now() - 100 }, 'assertion_expired'],
    ['that lives too long', { exp: now() + 86_400 }, 'assertion_invalid'],
    ['not yet', { nbf: now() + 100 }, 'assertion_invalid'],
  ])('%s', async (_, claims, reason) => {
    jsonError(reason)(await own.present(await own.workload(claims), {}, null));
  });

  test('when somebody else signed for it [WIF-06]', async () => {
    const attacker = await createForeignSigner('RS256');
    const claims = kubernetesClaims(cluster.issuer, world.issuer, now());
    for (const kid of [attacker.kid, cluster.signer.kid])
      jsonError('assertion_signature_wrong')(await own.present(await attacker.sign(claims, { kid }), {}, null));
  });

  test.each([['at+jwt'], ['client-authentication+jwt'], ['dpop+jwt'], ['oauth-id-jag+jwt']])(
    'when its token is a %s',
    async (typ) => {
      const { reasons } = await own.present(await own.workload({}, { typ }), {}, 'reporter');
      expect(['assertion_invalid', 'assertion_issuer_untrusted']).toContain(reasons[0]);
    },
  );

  test('for a resource or scope it may not have [WIF-05, WIF-06]', async () => {
    const token = await own.workload();
    jsonError('resource_not_permitted')(await own.present(token, { resource: OTHER_RESOURCE }, null));
    jsonError('resource_unknown')(await own.present(token, { resource: 'https://unknown.example' }, null));
    jsonError('scope_not_allowed')(await own.present(token, { scope: 'mcp:write' }, null));
    granted(await own.present(token, { scope: 'mcp:read mcp:write' }, null));
  });

  test('without an assertion', async () => {
    jsonError('parameter_missing')(await observe(world, postForm('/token', { grant_type: JWT_BEARER })));
  });
});

test('the grant type is advertised, and no issuer that is trusted [WIF-08]', async () => {
  const { answer } = await observe(world, { target: '/.well-known/oauth-authorization-server' });
  expect((answer.json() as JsonObject)['grant_types_supported']).toContain(JWT_BEARER);
  expect(answer.text).not.toContain(cluster.issuer);
});

test('a JWT-SVID of SPIFFE, with the keys of its bundle, buys an access token [WIF-01, WIF-02, WIF-04]', async () => {
  const signer = await createForeignSigner('ES256');
  const x509 = await createForeignSigner('ES256');
  const bundle = {
    keys: [
      { ...x509.publicJwk, kid: undefined, alg: undefined, use: 'x509-svid', x5c: ['MIIB'] },
      { ...signer.publicJwk, alg: undefined, use: 'jwt-svid' },
    ],
    spiffe_sequence: 7,
    spiffe_refresh_hint: 300,
  };
  const issuer = 'https://oidc-discovery.acme.example';
  const spiffe = await openAssertionWorld({
    cluster: {
      issuer,
      jwks: JSON.parse(JSON.stringify(bundle)) as JsonObject,
      replay: 'once',
      audiences: ['mcp-gateway'],
      workloads: [
        { clientId: 'billing', claims: { sub: ['spiffe://acme.example/ns/prod/*', 'spiffe://acme.example/x'] } },
      ],
    },
  });
  const at = spiffe.world.server.now();
  const sign = (claims: JsonObject) =>
    signer.sign(
      JSON.parse(
        JSON.stringify({
          iss: issuer,
          sub: 'spiffe://acme.example/ns/prod/sa/billing',
          aud: [spiffe.world.issuer],
          exp: at + 300,
          iat: at,
          jti: randomUUID(),
          ...claims,
        }),
      ) as JsonObject,
      { typ: 'JWT' },
    );
  const token = await sign({});
  expect(granted(await spiffe.present(token, {}, null)).claims).toMatchObject({ sub: 'billing', client_id: 'billing' });
  jsonError('assertion_spent')(await spiffe.present(token, {}, null));
  granted(await spiffe.present(await sign({ aud: 'mcp-gateway' }), {}, null));
  jsonError('assertion_invalid')(await spiffe.present(await sign({ jti: undefined }), {}, null));
  jsonError('assertion_workload_unknown')(
    await spiffe.present(await sign({ sub: 'spiffe://evil.example/ns/prod/sa/billing' }), {}, null),
  );
  jsonError('assertion_workload_unknown')(
    await spiffe.present(await sign({ sub: 'spiffe://acme.example/ns/prod/' }), {}, null),
  );
});
