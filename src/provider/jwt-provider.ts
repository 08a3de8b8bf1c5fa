import {
  type Client,
  type ClientDirectory,
  clientHash,
  isConfidential,
  type SignedClientIds,
} from '../clients/index.ts';
import {
  type AuthorizationRequest,
  findAccessTokenFault,
  formatScope,
  reject,
  type Scope,
  type Seconds,
  UnavailableError,
} from '../oauth/index.ts';
import type { Audit, Clock, Random } from '../platform/index.ts';
import { sha256 } from '../platform/index.ts';
import {
  type AccessTokens,
  type AuthorizationCodeClaims,
  type AuthorizationCodes,
  type DeniableThing,
  denylistKeys,
  isDenied,
  type Opened,
  type OpenedAccessToken,
  type OpenedRefreshToken,
  type RefreshFamily,
  type RefreshTokens,
  type RotationRules,
  type TokenStore,
} from '../tokens/index.ts';
import type {
  AccessToken,
  AuthorizationCode,
  OAuthAuthorizationServerProvider,
  OAuthToken,
  RefreshToken,
} from './provider.ts';

/** A sealed code, opened. */
export interface JwtAuthorizationCode extends AuthorizationCode {
  readonly claims: Opened<AuthorizationCodeClaims>;
}

/** A refresh token whose MAC holds, with its family. */
export interface JwtRefreshToken extends RefreshToken {
  readonly opened: OpenedRefreshToken;
  readonly family: RefreshFamily;
}

/** An access token of ours, verified. */
export interface JwtAccessToken extends AccessToken {
  readonly jti: string;
  readonly grantId?: string;
  readonly opened: OpenedAccessToken;
}

/** Lengths of time in seconds, and how refresh tokens behave. */
export interface JwtProviderSettings {
  readonly issuer: string;
  readonly refresh: Omit<RotationRules, 'rotates' | 'keyId'> & { readonly absoluteLifetime: Seconds };
  /** How far the clocks of validators may differ; denied grants stay on the denylist that much longer. */
  readonly clockTolerance: Seconds;
}

/** What `JwtProvider` is made of. */
export interface JwtProviderDeps {
  readonly clients: ClientDirectory & Pick<SignedClientIds, 'register'>;
  readonly tokens: {
    readonly access: AccessTokens;
    readonly refresh: RefreshTokens;
    readonly codes: AuthorizationCodes;
    /** The kid of the refresh key in force. */
    readonly refreshKeyId: () => string;
  };
  readonly store: TokenStore;
  /** Where the browser goes for sign-in and consent. */
  readonly beginInteraction: (client: Client, request: AuthorizationRequest) => Promise<string>;
  readonly platform: { readonly clock: Clock; readonly random: Random; readonly audit: Audit };
  readonly settings: JwtProviderSettings;
}

/** The provider whose every token validates without a database: RFC 9068 access tokens, sealed codes, signed client_ids. */
export type JwtProvider = OAuthAuthorizationServerProvider<JwtAuthorizationCode, JwtRefreshToken, JwtAccessToken>;

export function createJwtProvider(deps: JwtProviderDeps): JwtProvider {
  const { clients, tokens, store, settings } = deps;
  const { clock, random, audit } = deps.platform;
  const denialLifetime = tokens.access.lifetime + 2 * settings.clockTolerance;

  async function isThingDenied(thing: DeniableThing): Promise<boolean> {
    return isDenied(thing, await store.denylist.match(denylistKeys(thing)));
  }

  // The family first: it is what could still mint tokens while the entry is being written.
  async function revokeGrant(grantId: string): Promise<void> {
    await store.refreshFamilies.revoke(grantId, settings.refresh.absoluteLifetime);
    await store.denylist.deny({ kind: 'grant', id: grantId, lifetime: denialLifetime });
    audit({ event: 'grant.revoked', grantId });
  }

  async function loadAuthorizationCode(client: Client, code: string): Promise<JwtAuthorizationCode | undefined> {
    const claims = await tokens.codes.open(code);
    if (claims === undefined) return undefined;
    if (claims.client !== clientHash(client)) throw reject('code_of_other_client', { grantId: claims.gid });
    return {
      redirectUri: claims.redirectUri,
      codeChallenge: claims.challenge,
      scope: claims.scope,
      resource: claims.resource,
      subject: claims.sub,
      expiresAt: claims.exp,
      claims,
    };
  }

  async function exchangeAuthorizationCode(client: Client, code: JwtAuthorizationCode): Promise<OAuthToken> {
    const { claims } = code;
    const marker = { kind: 'code', id: claims.jti, expiresAt: claims.exp } as const;
    const nonce = random(16);
    const keyId = tokens.refreshKeyId();
    const isRefreshable = client.grantTypes.includes('refresh_token');
    const { outcome, at } = isRefreshable
      ? await store.refreshFamilies.begin(marker, {
          familyId: claims.gid,
          nonceHash: sha256(nonce),
          keyId,
          subject: claims.sub,
          clientHash: claims.client,
          clientName: claims.clientName,
          scope: formatScope(claims.scope),
          resource: claims.resource,
          authTime: claims.authTime,
          absoluteLifetime: settings.refresh.absoluteLifetime,
        })
      : { outcome: await store.oneTime.consumeOnce(marker), at: clock() };
    if (outcome === 'again') {
      audit({ event: 'code.replayed', grantId: claims.gid, jti: claims.jti });
      await revokeGrant(claims.gid);
      throw reject('code_spent', { grantId: claims.gid });
    }
    // After the spend: whatever is denied from here on denies these tokens too, because they are issued no later.
    const origin = { subject: claims.sub, clientHash: claims.client, grantId: claims.gid, jti: claims.jti };
    if (await isThingDenied({ ...origin, issuedAt: claims.iat })) {
      await revokeGrant(claims.gid);
      throw reject('code_revoked', { grantId: claims.gid });
    }
    const access = await tokens.access.issue(
      {
        subject: claims.sub,
        clientId: client.clientId,
        resource: claims.resource,
        scope: claims.scope,
        grantId: claims.gid,
        authTime: claims.authTime,
        amr: claims.amr,
      },
      at,
    );
    audit({ event: 'token.issued', grantId: claims.gid, jti: access.jti, subject: claims.sub });
    const refresh = isRefreshable
      ? tokens.refresh.write({ familyId: claims.gid, generation: 0, nonce, keyId })
      : undefined;
    return tokenResponse(access, claims.scope, refresh);
  }

  async function loadRefreshToken(client: Client, token: string): Promise<JwtRefreshToken | undefined> {
    const opened = tokens.refresh.open(token);
    if (opened === undefined) return undefined;
    const family = await store.refreshFamilies.find(opened.familyId);
    if (family === undefined || family.nonceHash !== opened.nonceHash) return undefined;
    if (family.clientHash !== clientHash(client)) {
      throw reject('refresh_token_of_other_client', { grantId: family.familyId });
    }
    return {
      kind: 'refresh_token',
      clientId: client.clientId,
      scope: family.scope === '' ? [] : family.scope.split(' '),
      resource: family.resource,
      subject: family.subject,
      expiresAt: Math.min(family.expiresAt, family.usedAt + settings.refresh.idleLifetime),
      opened,
      family,
    };
  }

  async function exchangeRefreshToken(client: Client, token: JwtRefreshToken, scope: Scope): Promise<OAuthToken> {
    const { opened } = token;
    const rotation = await store.refreshFamilies.rotate(opened, {
      ...settings.refresh,
      rotates: !isConfidential(client),
      keyId: tokens.refreshKeyId(),
    });
    const grantId = opened.familyId;
    switch (rotation.outcome) {
      case 'unknown':
        throw reject('refresh_token_unknown', { grantId });
      case 'expired':
        throw reject('refresh_token_expired', { grantId });
      case 'revoked':
        throw reject('refresh_token_revoked', { grantId });
      case 'refused':
        throw reject('refresh_token_superseded', { grantId });
      case 'reused':
        audit({ event: 'token.refresh_reused', grantId, subject: token.subject });
        await revokeGrant(grantId);
        throw reject('refresh_token_reused', { grantId });
    }
    const { family, outcome, at } = rotation;
    if (
      await isThingDenied({
        grantId,
        subject: family.subject,
        clientHash: family.clientHash,
        issuedAt: family.createdAt,
      })
    ) {
      await revokeGrant(grantId);
      throw reject('refresh_token_revoked', { grantId });
    }
    const successor = tokens.refresh.write({ ...opened, generation: family.generation, keyId: family.keyId });
    if (successor === undefined) throw new UnavailableError('refresh key');
    const access = await tokens.access.issue(
      {
        subject: family.subject,
        clientId: client.clientId,
        resource: family.resource,
        scope,
        grantId,
        authTime: family.authTime,
      },
      at,
    );
    audit({ event: outcome === 'replayed' ? 'token.refresh_replayed' : 'token.refreshed', grantId, jti: access.jti });
    return tokenResponse(access, scope, successor);
  }

  async function loadAccessToken(token: string): Promise<JwtAccessToken | undefined> {
    const opened = tokens.access.open(token);
    if (opened === undefined) return undefined;
    const { claims, kid } = opened;
    const { issuer, clockTolerance } = settings;
    const fault = findAccessTokenFault(claims, { issuer, resource: undefined, clockTolerance }, clock());
    if (fault !== undefined || typeof claims.aud !== 'string') return undefined;
    const thing: DeniableThing = {
      jti: claims.jti,
      ...(claims.gid !== undefined && { grantId: claims.gid }),
      kid,
      subject: claims.sub,
      clientHash: sha256(claims.client_id),
      issuedAt: claims.iat,
    };
    if (await isThingDenied(thing)) return undefined;
    return {
      kind: 'access_token',
      clientId: claims.client_id,
      scope: claims.scope === undefined || claims.scope === '' ? [] : claims.scope.split(' '),
      resource: claims.aud,
      subject: claims.sub,
      expiresAt: claims.exp,
      jti: claims.jti,
      ...(claims.gid !== undefined && { grantId: claims.gid }),
      opened,
    };
  }

  async function revokeToken(token: JwtAccessToken | JwtRefreshToken): Promise<void> {
    const grantId = token.kind === 'refresh_token' ? token.family.familyId : token.grantId;
    if (grantId !== undefined) await revokeGrant(grantId);
    else if (token.kind === 'access_token') {
      await store.denylist.deny({ kind: 'jti', id: token.jti, lifetime: denialLifetime });
    }
    audit({ event: 'token.revoked', kind: token.kind, grantId, subject: token.subject });
  }

  return {
    getClient: (clientId) => clients.find(clientId),
    registerClient: async (metadata) => clients.register(metadata),
    authorize: deps.beginInteraction,
    loadAuthorizationCode,
    exchangeAuthorizationCode,
    loadRefreshToken,
    exchangeRefreshToken,
    loadAccessToken,
    revokeToken,
  };
}

function tokenResponse(
  access: { readonly token: string; readonly expiresIn: Seconds },
  scope: Scope,
  refreshToken: string | undefined,
): OAuthToken {
  return {
    access_token: access.token,
    token_type: 'Bearer',
    expires_in: access.expiresIn,
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    scope: formatScope(scope),
  };
}
