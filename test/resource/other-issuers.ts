import { auth0, entra, type IssuerOptions, keycloak, oidc, type VerifierOptions } from '../../src/resource/index.ts';
import { signBytes, testSigner } from '../support/keys.ts';
import { encode, type Host, NOW, startHost } from './issuer.ts';

export const TENANT = '11111111-2222-3333-4444-555555555555';
export const APPLICATION = '66666666-7777-8888-9999-000000000000';
export const SERVER = 'https://mcp.example.test/mcp';

type Members = Readonly<Record<string, unknown>>;

/** An issuer of another make: where its documents are, and what it signs. */
export interface OtherIssuer extends AsyncDisposable {
  readonly host: Host;
  readonly issuer: string;
  readonly options: IssuerOptions & Pick<VerifierOptions, 'audience'>;
  /** An access token in its documented shape, but for what is said. Members that are `undefined` are left out. */
  token(claims?: Members, header?: Members): string;
  /** An ID token for the same person and client, signed with the same key. */
  idToken(claims?: Members): string;
}

interface Make {
  readonly issuerOf: (origin: string) => string;
  readonly optionsOf: (origin: string) => IssuerOptions & Pick<VerifierOptions, 'audience'>;
  /** Where its metadata is, and what of it matters. */
  readonly metadataPath: string;
  readonly jwksPath: string;
  readonly header: Members;
  readonly access: (issuer: string) => Members;
  readonly id: (issuer: string) => Members;
  /** Members of its public keys: some issuers leave `alg` out. */
  readonly jwk?: Members;
}

const signer = testSigner('RS256', 'other issuer');
const TIMES = { iat: NOW - 10, exp: NOW + 290 };

const KEYCLOAK: Make = {
  issuerOf: (origin) => `${origin}/realms/staff`,
  optionsOf: (origin) => ({ ...keycloak({ realm: `${origin}/realms/staff` }), audience: 'mcp-server' }),
  metadataPath: '/realms/staff/.well-known/openid-configuration',
  jwksPath: '/realms/staff/protocol/openid-connect/certs',
  header: { typ: 'JWT' },
  access: (iss) => ({
    ...TIMES,
    auth_time: NOW - 20,
    jti: 'onrtac:8f1ad9b4-2d1b-4b41-9b7e-0f7b0a1c2d3e',
    iss,
    aud: ['mcp-server', 'account'],
    sub: '36fa0f91-f94d-4a0c-afed-6b7d952e47da',
    typ: 'Bearer',
    azp: 'mcp-client',
    sid: '2a88c258-f73a-4103-b862-e1fbd8f4e04e',
    acr: '1',
    'allowed-origins': ['https://client.example.test'],
    realm_access: { roles: ['offline_access', 'staff'] },
    resource_access: { 'mcp-server': { roles: ['editor'] }, account: { roles: ['view-profile'] } },
    scope: 'openid mcp:read profile',
    preferred_username: 'ada',
  }),
  id: (iss) => ({
    ...TIMES,
    jti: 'b0c1',
    iss,
    aud: 'mcp-server',
    sub: '36fa0f91-f94d-4a0c-afed-6b7d952e47da',
    typ: 'ID',
    azp: 'mcp-server',
    sid: '2a88c258-f73a-4103-b862-e1fbd8f4e04e',
    acr: '1',
  }),
};

const AUTH0: Make = {
  issuerOf: (origin) => `${origin}/`,
  // The preset knows https domains only; a fake on this machine has none.
  optionsOf: (origin) => ({ ...auth0({ domain: 'acme.eu.auth0.com' }), issuer: `${origin}/` }),
  metadataPath: '/.well-known/openid-configuration',
  jwksPath: '/.well-known/jwks.json',
  header: { typ: 'JWT' },
  access: (iss) => ({
    iss,
    sub: 'auth0|123456',
    aud: [SERVER, `${iss}userinfo`],
    azp: 'my_client_id',
    ...TIMES,
    scope: 'openid profile mcp:read',
    permissions: ['mcp:read', 'mcp:write'],
    'https://acme.example/roles': ['editor'],
  }),
  id: (iss) => ({ iss, sub: 'auth0|123456', aud: SERVER, ...TIMES, sid: 's', nonce: 'n', nickname: 'ada' }),
};

const ENTRA: Make = {
  issuerOf: (origin) => `${origin}/${TENANT}/v2.0`,
  optionsOf: (origin) => ({ ...entra({ tenant: TENANT, authority: origin }), audience: APPLICATION }),
  metadataPath: `/${TENANT}/v2.0/.well-known/openid-configuration`,
  jwksPath: `/${TENANT}/discovery/v2.0/keys`,
  header: { typ: 'JWT' },
  access: (iss) => ({
    aud: APPLICATION,
    iss,
    ...TIMES,
    nbf: NOW - 10,
    aio: 'AXQAi/8I',
    azp: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
    azpacr: '0',
    name: 'Ada',
    oid: '99999999-aaaa-bbbb-cccc-dddddddddddd',
    preferred_username: 'ada@acme.example',
    rh: '0.AX',
    roles: ['Editor'],
    scp: 'mcp.read mcp.write',
    sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
    tid: TENANT,
    uti: 'fqiBqXLPj0eQa82S-IYFAA',
    ver: '2.0',
  }),
  id: (iss) => ({
    aud: APPLICATION,
    iss,
    ...TIMES,
    nbf: NOW - 10,
    name: 'Ada',
    nonce: 'n',
    oid: '99999999-aaaa-bbbb-cccc-dddddddddddd',
    rh: '0.AX',
    roles: ['Editor'],
    sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
    tid: TENANT,
    uti: 'fqiBqXLPj0eQa82S-IYFAB',
    ver: '2.0',
  }),
  jwk: { alg: undefined, x5t: 'kriMPdmBvx68skT8-mPAB3BseeA' },
};

const ENTRA_V1: Make = {
  ...ENTRA,
  issuerOf: () => `https://sts.windows.net/${TENANT}/`,
  optionsOf: (origin) => ({
    ...entra({ tenant: TENANT, version: 1, authority: origin }),
    audience: `api://${APPLICATION}`,
  }),
  jwksPath: `/${TENANT}/discovery/keys`,
  header: { typ: 'JWT', x5t: 'kriMPdmBvx68skT8-mPAB3BseeA' },
  access: (iss) => {
    const { azp, azpacr, ...claims } = ENTRA.access(iss);
    return { ...claims, aud: `api://${APPLICATION}`, appid: azp, appidacr: azpacr, ver: '1.0' };
  },
  id: (iss) => ({ ...ENTRA.id(iss), aud: `api://${APPLICATION}`, ver: '1.0' }),
};

const OKTA_LIKE: Make = {
  issuerOf: (origin) => `${origin}/oauth2/default`,
  optionsOf: (origin) => ({ ...oidc({ issuer: `${origin}/oauth2/default` }), audience: 'api://default' }),
  metadataPath: '/.well-known/openid-configuration/oauth2/default',
  jwksPath: '/oauth2/default/v1/keys',
  header: {},
  access: (iss) => ({
    ver: 1,
    jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
    iss,
    aud: 'api://default',
    ...TIMES,
    cid: '0oaulob4BFVa4zQvt0g3',
    uid: '00uid4BxXw6I6TV4m0g3',
    scp: ['mcp:read', 'openid'],
    auth_time: NOW - 20,
    sub: 'ada@example.test',
  }),
  id: (iss) => ({
    ver: 1,
    jti: 'ID.1',
    iss,
    aud: 'api://default',
    ...TIMES,
    sub: '00uid4BxXw6I6TV4m0g3',
    amr: ['pwd'],
    idp: '00o1',
    at_hash: 'hash',
  }),
};

export const MAKES = {
  Keycloak: KEYCLOAK,
  Auth0: AUTH0,
  'Entra version 2': ENTRA,
  'Entra version 1': ENTRA_V1,
  'any OpenID Connect': OKTA_LIKE,
};

/** Starts an issuer that publishes its documents where its make does, and answers 404 everywhere else. */
export async function startOtherIssuer(name: keyof typeof MAKES): Promise<OtherIssuer> {
  const make = MAKES[name];
  const host = await startHost();
  const issuer = make.issuerOf(host.origin);
  const encryptionKey = { ...testSigner('RS256', 'encryption').publicJwk, kid: 'enc', use: 'enc', alg: 'RSA-OAEP' };
  const jwk = { ...signer.publicJwk, ...make.jwk };
  const documents: Readonly<Record<string, unknown>> = {
    [make.metadataPath]: { issuer, jwks_uri: host.origin + make.jwksPath },
    [make.jwksPath]: { keys: [encryptionKey, jwk] },
  };
  host.answer = (request, response) => {
    const document = documents[request.url ?? ''];
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document ?? { error: 'not found' }));
  };
  const sign = (claims: Members, header: Members) => {
    const input = [{ alg: 'RS256', kid: signer.kid, ...make.header, ...header }, claims]
      .map((part) => encode(JSON.stringify(part)))
      .join('.');
    return `${input}.${encode(signBytes('RS256', signer.privateKey, Buffer.from(input)))}`;
  };
  return {
    host,
    issuer,
    options: make.optionsOf(host.origin),
    token: (claims = {}, header = {}) => sign({ ...make.access(issuer), ...claims }, header),
    idToken: (claims = {}) => sign({ ...make.id(issuer), ...claims }, {}),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}
