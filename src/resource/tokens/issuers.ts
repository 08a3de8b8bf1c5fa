import { isJsonObject, isScopeToken, type JsonObject } from '../../oauth/index.ts';
import type { IssuerProfile } from './issuer-profile.ts';
import type { VerifierOptions } from './verifier-options.ts';

/** What a verifier has to be told of an issuer of another make: spread it into its options. */
export type IssuerOptions = Pick<VerifierOptions, 'issuer' | 'jwks'> & { readonly profile: IssuerProfile };

const isPlainJwt = (typ: unknown) => typeof typ === 'string' && /^(?:application\/)?(?:at\+)?jwt$/i.test(typ);

/**
 * A realm of Keycloak, by its URL (`https://id.example.com/realms/staff`).
 *
 * Its access tokens are `typ JWT` in the header and `typ Bearer` (or `DPoP`) among the claims; ID tokens say `ID` there, and
 * refresh tokens `Refresh`. `azp` is the client. Roles of the realm become `roles`, those of a client `client:role`. The audience
 * is what an audience mapper of Keycloak puts in: give it as `audience` where that is not the resource identifier.
 */
export function keycloak(options: { readonly realm: string }): IssuerOptions {
  return { issuer: options.realm, profile: KEYCLOAK };
}

const KEYCLOAK: IssuerProfile = {
  isAccessTokenType: isPlainJwt,
  readClaims(claims) {
    const { typ, azp, client_id, realm_access, resource_access } = claims;
    if (typ !== (claims['cnf'] === undefined ? 'Bearer' : 'DPoP')) return undefined;
    const clients = isJsonObject(resource_access) ? Object.entries(resource_access) : [];
    const roles = [
      ...texts(claims['roles']),
      ...rolesOf(realm_access),
      ...clients.flatMap(([client, access]) => rolesOf(access).map((role) => `${client}:${role}`)),
    ];
    return { ...claims, client_id: azp ?? client_id, roles };
  },
};

/**
 * A tenant of Auth0, by its domain (`acme.eu.auth0.com`, or a custom one).
 *
 * Its access tokens are `typ JWT` (or `at+jwt` where the API has the RFC 9068 profile) with the identifier of the API and
 * `/userinfo` as audience. `azp` is the client, which ID tokens do not name. `permissions: true` makes the `permissions` of
 * role-based access control count as scopes; `roles` names the namespaced claim in which an Action puts roles.
 */
export function auth0(options: {
  readonly domain: string;
  readonly permissions?: boolean;
  readonly roles?: string;
}): IssuerOptions {
  const { domain, permissions = false, roles } = options;
  return { issuer: `https://${domain}/`, profile: auth0Profile({ permissions, roles }) };
}

function auth0Profile(options: { readonly permissions: boolean; readonly roles: string | undefined }): IssuerProfile {
  return {
    isAccessTokenType: isPlainJwt,
    readClaims(claims) {
      const { client_id, azp, scope, permissions } = claims;
      const client = client_id ?? azp;
      if (hasMarksOfIdToken(claims) || isForItsClient(claims, client)) return undefined;
      const granted = options.permissions ? joinScopes(scope, permissions) : scope;
      const roles = texts(options.roles === undefined ? claims['roles'] : claims[options.roles]);
      return withScope({ ...claims, client_id: client, roles }, granted);
    },
  };
}

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * A tenant of Microsoft Entra ID, by its id: a GUID, since `common` and `organizations` stand for every tenant there is.
 * `version` is that of the tokens the application asks for (`requestedAccessTokenVersion` of its manifest); `authority` is for
 * national clouds.
 *
 * Tokens of people have `scp`. Those of applications have none: there the application permissions in `roles` are the scope. An
 * access token names its client (`azp`; `appid` in version 1), its tenant (`tid`) and its version (`ver`); what does not is
 * refused, ID tokens among it. `uti` is the `jti`. The audience is the id of the application (version 2) or its `api://` URI
 * (version 1): give it as `audience`.
 * @throws TypeError for a tenant that is no GUID.
 */
export function entra(options: {
  readonly tenant: string;
  readonly version?: 1 | 2;
  readonly authority?: string;
}): IssuerOptions {
  const { version = 2, authority = 'https://login.microsoftonline.com' } = options;
  const tenant = options.tenant.toLowerCase();
  if (!GUID.test(tenant)) throw new TypeError('tenant: the id of one tenant, a GUID');
  const profile = entraProfile(tenant, version);
  if (version === 2) return { issuer: `${authority}/${tenant}/v2.0`, profile };
  return { issuer: `https://sts.windows.net/${tenant}/`, jwks: `${authority}/${tenant}/discovery/keys`, profile };
}

function entraProfile(tenant: string, version: 1 | 2): IssuerProfile {
  return {
    isAccessTokenType: isPlainJwt,
    readClaims(claims) {
      const { ver, tid, azp, appid, scp, roles, uti, jti } = claims;
      const client = version === 2 ? azp : appid;
      if (ver !== `${version}.0` || tid !== tenant || typeof client !== 'string') return undefined;
      if (hasMarksOfIdToken(claims) || (scp === undefined && !Array.isArray(roles))) return undefined;
      const read = { ...claims, client_id: client, roles: texts(roles), jti: uti ?? jti };
      return withScope(read, scp === undefined ? joinScopes(roles) : scp);
    },
  };
}

/**
 * Any other issuer with OpenID Connect, by its issuer identifier. The header may say `typ JWT`, `at+jwt` or nothing.
 *
 * The client is `client_id`, `azp` or `cid`, the scope `scope` or `scp`, a text or a list; a token without either of the two is
 * refused, for that is how ID tokens look. So is what has the marks of an ID token or of a logout token, says of itself that it
 * is something else (`typ`, `token_use`), or is meant for its own client.
 */
export function oidc(options: { readonly issuer: string }): IssuerOptions {
  return { issuer: options.issuer, profile: OIDC };
}

const OIDC: IssuerProfile = {
  isAccessTokenType: (typ) => typ === undefined || isPlainJwt(typ),
  readClaims(claims) {
    const { client_id, azp, cid, scope, scp, typ, token_use } = claims;
    const client = client_id ?? azp ?? cid;
    const granted = scope ?? scp;
    if (granted === undefined || hasMarksOfIdToken(claims) || isForItsClient(claims, client)) return undefined;
    if (typ !== undefined && typ !== 'Bearer' && typ !== 'DPoP') return undefined;
    if (token_use !== undefined && token_use !== 'access') return undefined;
    const read = { ...claims, client_id: client, roles: texts(claims['roles']) };
    return withScope(read, Array.isArray(granted) ? joinScopes(granted) : granted);
  },
};

/** Claims of ID tokens (OpenID Connect Core §2, §3.3.2.11) and logout tokens that no access token has. */
function hasMarksOfIdToken(claims: JsonObject): boolean {
  return ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'].some((name) => claims[name] !== undefined);
}

/** Whether the audience is nobody but the client itself, as that of an ID token is. */
function isForItsClient({ aud }: JsonObject, client: unknown): boolean {
  return Array.isArray(aud) ? aud.every((one) => one === client) : aud === client;
}

function withScope(claims: JsonObject, scope: unknown): JsonObject {
  return scope === undefined ? claims : { ...claims, scope };
}

/** Scope names of texts and lists as one text; what is no scope name is left out. */
function joinScopes(...granted: readonly unknown[]): string {
  const names = granted.flatMap((one) => (typeof one === 'string' ? one.split(' ') : texts(one)));
  return [...new Set(names)].filter((name) => isScopeToken(name)).join(' ');
}

function rolesOf(access: unknown): string[] {
  return isJsonObject(access) ? texts(access['roles']) : [];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
