import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { auth0, createVerifier, entra, type Verifier, type VerifierOptions } from '../../src/resource/index.ts';
import { NOW } from './issuer.ts';
import { MAKES, type OtherIssuer, SERVER, startOtherIssuer, TENANT } from './other-issuers.ts';

const NAMES = Object.keys(MAKES) as (keyof typeof MAKES)[];

function verifierOf(other: OtherIssuer, options: Partial<VerifierOptions> = {}): Verifier {
  return createVerifier({ resource: SERVER, ...other.options, clock: () => NOW, ...options });
}

const READ = {
  Keycloak: {
    clientId: 'mcp-client',
    subject: '36fa0f91-f94d-4a0c-afed-6b7d952e47da',
    scope: ['openid', 'mcp:read', 'profile'],
    roles: ['offline_access', 'staff', 'mcp-server:editor', 'account:view-profile'],
    jti: 'onrtac:8f1ad9b4-2d1b-4b41-9b7e-0f7b0a1c2d3e',
  },
  Auth0: { clientId: 'my_client_id', subject: 'auth0|123456', scope: ['openid', 'profile', 'mcp:read'] },
  'Entra version 2': {
    clientId: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
    subject: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
    scope: ['mcp.read', 'mcp.write'],
    roles: ['Editor'],
    jti: 'fqiBqXLPj0eQa82S-IYFAA',
  },
  'Entra version 1': {
    clientId: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
    scope: ['mcp.read', 'mcp.write'],
    roles: ['Editor'],
    jti: 'fqiBqXLPj0eQa82S-IYFAA',
  },
  'any OpenID Connect': {
    clientId: '0oaulob4BFVa4zQvt0g3',
    subject: 'ada@example.test',
    scope: ['mcp:read', 'openid'],
    jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
  },
} satisfies Record<keyof typeof MAKES, object>;

describe.each(NAMES)('access tokens of %s', (name) => {
  test('are found, verified and read by the names of RFC 9068, frozen to the bottom', async () => {
    await using other = await startOtherIssuer(name);
    using verifier = verifierOf(other);
    const accessToken = await verifier.loadAccessToken(other.token());

    expect(accessToken).toMatchObject({
      ...READ[name],
      resource: SERVER,
      issuer: other.issuer,
      issuedAt: NOW - 10,
      expiresAt: NOW + 290,
    });
    expect(accessToken).not.toHaveProperty('grantId');
    expect(
      [accessToken?.roles ?? Object.freeze([]), accessToken?.scope, accessToken?.claims].every(Object.isFrozen),
    ).toBe(true);
    expect(verifier.state().keys.refused).toEqual([{ kid: 'enc', fault: 'wrong_use' }]);
    expect(['absent', undefined]).toContain(verifier.state().revocations?.freshness);
  });

  test('without any revocations are verified all the same, and the state says so', async () => {
    await using other = await startOtherIssuer(name);
    using verifier = verifierOf(other, { revocations: false });

    expect(await verifier.loadAccessToken(other.token())).toBeDefined();
    expect(verifier.state().revocations).toBeUndefined();
  });

  test('are none: ID tokens, whatever audience they are for', async () => {
    await using other = await startOtherIssuer(name);
    const { audience = SERVER } = other.options;
    using verifier = verifierOf(other);
    const idTokens = [{}, { aud: [audience].flat()[0] }, { aud: [audience].flat() }].map((claims) =>
      other.idToken(claims),
    );

    const answers = await Promise.all(idTokens.map((token) => verifier.loadAccessToken(token)));

    expect(answers).toEqual([undefined, undefined, undefined]);
  });

  test.each([
    ['of another audience', { aud: 'https://other.example.test' }, {}],
    ['of no audience', { aud: undefined }, {}],
    ['whose audience only begins like ours', { aud: [`${SERVER}x`, 'mcp-serverx'] }, {}],
    ['of another issuer', { iss: 'https://evil.example' }, {}],
    ['without issuer', { iss: undefined }, {}],
    ['that have expired', { exp: NOW - 6 }, {}],
    ['without end', { exp: undefined }, {}],
    ['without subject', { sub: undefined }, {}],
    ['bound to a key, as Bearer', { cnf: { jkt: 'x'.repeat(43) } }, {}],
    ['of no client', { azp: undefined, appid: undefined, cid: undefined, client_id: undefined }, {}],
    ['whose client is a list', { azp: ['a'], appid: ['a'], cid: ['a'], client_id: ['a'] }, {}],
    ['whose scope is a number', { scope: 7, scp: 7 }, {}],
    ['of the type of logout tokens', {}, { typ: 'logout+jwt' }],
    ['of the type of proofs', {}, { typ: 'dpop+jwt' }],
    ['of a type that is a list', {}, { typ: ['JWT'] }],
    ['signed for another algorithm', {}, { alg: 'PS256' }],
    ['under an unknown key', {}, { kid: 'nobody' }],
    ['under its encryption key', {}, { kid: 'enc' }],
  ])('are none: those %s', async (_title, claims, header) => {
    await using other = await startOtherIssuer(name);
    using verifier = verifierOf(other);

    expect(await verifier.loadAccessToken(other.token(claims, header))).toBeUndefined();
  });

  test('whatever their claims are, nothing throws', async () => {
    await using other = await startOtherIssuer(name);
    using verifier = verifierOf(other);
    const members =
      'aud azp appid cid client_id cnf gid jti realm_access resource_access roles scope scp sub typ uti ver';
    const claims = fc.dictionary(fc.constantFrom(...members.split(' ')), fc.jsonValue());

    await fc.assert(
      fc.asyncProperty(claims, async (changed) => {
        const accessToken = await verifier.loadAccessToken(other.token(changed));
        expect(['undefined', 'string']).toContain(typeof accessToken?.clientId);
        expect(accessToken?.scope.every((one) => typeof one === 'string') ?? true).toBe(true);
      }),
    );
  });

  test('are none for a verifier that was told nothing of their make', async () => {
    await using other = await startOtherIssuer(name);
    const { profile: _, ...plain } = other.options;
    using verifier = createVerifier({ resource: SERVER, ...plain, clock: () => NOW });

    expect(await verifier.loadAccessToken(other.token())).toBeUndefined();
  });
});

describe('what is particular', () => {
  test.each([
    ['Keycloak', { typ: 'Refresh' }],
    ['Keycloak', { typ: undefined }],
    ['Keycloak', { typ: 'DPoP' }],
    ['Auth0', { nonce: 'n' }],
    ['Auth0', { aud: SERVER, azp: SERVER }],
    ['Entra version 2', { ver: '1.0' }],
    ['Entra version 2', { tid: '00000000-0000-0000-0000-000000000000' }],
    ['Entra version 2', { azp: undefined, appid: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee' }],
    ['Entra version 2', { scp: undefined, roles: undefined }],
    ['Entra version 1', { ver: '2.0' }],
    ['any OpenID Connect', { scp: undefined }],
    ['any OpenID Connect', { typ: 'ID' }],
    ['any OpenID Connect', { token_use: 'id' }],
    ['any OpenID Connect', { events: {} }],
    ['any OpenID Connect', { at_hash: 'h' }],
    ['any OpenID Connect', { cid: 'api://default' }],
  ] as const)('%s: no access token has %j', async (name, claims) => {
    await using other = await startOtherIssuer(name);
    using verifier = verifierOf(other);

    expect(await verifier.loadAccessToken(other.token(claims))).toBeUndefined();
  });

  test('Keycloak: one with at+jwt in its header is one too', async () => {
    await using other = await startOtherIssuer('Keycloak');
    using verifier = verifierOf(other);

    expect(await verifier.loadAccessToken(other.token({}, { typ: 'at+jwt' }))).toBeDefined();
  });

  test('Entra: the roles of an application are its scope', async () => {
    await using other = await startOtherIssuer('Entra version 2');
    using verifier = verifierOf(other);

    const accessToken = await verifier.loadAccessToken(other.token({ scp: undefined, roles: ['Tools.Call', 'a b'] }));

    expect(accessToken).toMatchObject({ scope: ['Tools.Call'], roles: ['Tools.Call', 'a b'] });
  });

  test.each(['common', 'organizations', 'acme.onmicrosoft.com', ''])('Entra: "%s" is no tenant', (tenant) => {
    expect(() => entra({ tenant })).toThrow('tenant: the id of one tenant, a GUID');
  });

  test('Entra: a tenant is one whatever the case it is written in', () => {
    expect(entra({ tenant: TENANT.toUpperCase() }).issuer).toBe(`https://login.microsoftonline.com/${TENANT}/v2.0`);
  });

  test('Auth0: permissions count as scope where that is asked for, and roles are where a claim was named for them', async () => {
    await using other = await startOtherIssuer('Auth0');
    const { profile } = auth0({ domain: 'acme.eu.auth0.com', permissions: true, roles: 'https://acme.example/roles' });
    using verifier = verifierOf(other, { profile });

    expect(await verifier.loadAccessToken(other.token())).toMatchObject({
      scope: ['openid', 'profile', 'mcp:read', 'mcp:write'],
      roles: ['editor'],
    });
  });

  test('Auth0: tokens without jti are named by what was signed, each by another name', async () => {
    await using other = await startOtherIssuer('Auth0');
    using one = verifierOf(other);
    using two = verifierOf(other);
    const token = other.token();

    const names = [await one.loadAccessToken(token), await two.loadAccessToken(token)].map((read) => read?.jti);
    const another = await one.loadAccessToken(other.token({ iat: NOW - 9 }));

    expect(names[0]).toMatch(/^[\w-]{43}$/);
    expect(names[1]).toBe(names[0]);
    expect(another?.jti).not.toBe(names[0]);
  });

  test('a gid of another issuer is no grant', async () => {
    await using other = await startOtherIssuer('Keycloak');
    using verifier = verifierOf(other);

    expect(await verifier.loadAccessToken(other.token({ gid: 1000 }))).not.toHaveProperty('grantId');
  });

  test.each([[[]], [['']], ['']])('no audience at all (%j) is no setting', (audience) => {
    const options = { issuer: 'https://as.example.test', resource: SERVER, audience };

    expect(() => createVerifier(options)).toThrow('audience: one or more names');
  });
});

describe('the places of metadata', () => {
  test.each([
    ['Keycloak', 3],
    ['Auth0', 2],
    ['Entra version 2', 3],
    ['any OpenID Connect', 2],
  ] as const)('%s: it is found at the %ith place', async (name, place) => {
    await using other = await startOtherIssuer(name);
    using verifier = verifierOf(other);
    await verifier.loadAccessToken(other.token());

    const asked = other.host.requests.map(({ url }) => url).filter((url) => url.includes('/.well-known/o'));
    expect(asked).toHaveLength(place);
    expect(asked.at(-1)).toBe(MAKES[name].metadataPath);
  });

  test('a server that fails is not asked for other places', async () => {
    await using other = await startOtherIssuer('Keycloak');
    other.host.answer = (_request, response) => void response.writeHead(503).end();
    using verifier = verifierOf(other, { revocations: false });

    await expect(verifier.loadAccessToken(other.token())).rejects.toThrow();
    expect(other.host.requests).toHaveLength(1);
  });
});
