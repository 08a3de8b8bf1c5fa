import { clientHash, isConfidential } from '../clients/index.ts';
import { reject, UnavailableError } from '../oauth/index.ts';
import type { OpenedRefreshToken, RefreshFamily } from '../tokens/index.ts';
import type { GrantRevocation } from './grant-revocation.ts';
import type { JwtProviderDeps } from './jwt-provider.ts';
import type { OAuthAuthorizationServerProvider, RefreshToken } from './provider.ts';
import { tokenResponse } from './token-response.ts';

/** A refresh token whose MAC holds, with its family. */
export interface JwtRefreshToken extends RefreshToken {
  readonly opened: OpenedRefreshToken;
  readonly family: RefreshFamily;
}

type RefreshMethods = Pick<
  OAuthAuthorizationServerProvider<never, JwtRefreshToken>,
  'loadRefreshToken' | 'isRefreshTokenLive' | 'exchangeRefreshToken' | 'revokeLostToken'
>;

/** The methods about refresh tokens: one family for each grant, one successor for each token. */
export function createRefreshMethods(
  deps: Pick<JwtProviderDeps, 'tokens' | 'store' | 'platform' | 'settings'>,
  revocation: GrantRevocation,
): RefreshMethods {
  const { tokens, store, settings } = deps;
  const { audit } = deps.platform;

  const loadRefreshToken: RefreshMethods['loadRefreshToken'] = async (client, token) => {
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
      ...(family.jkt !== undefined && { sender: { jkt: family.jkt } }),
      opened,
      family,
    };
  };

  const exchangeRefreshToken: RefreshMethods['exchangeRefreshToken'] = async (client, token, scope, sender) => {
    const { opened } = token;
    const grantId = opened.familyId;
    const grant = {
      subject: token.family.subject,
      clientId: client.clientId,
      resource: token.family.resource,
      scope,
      grantId,
      authTime: token.family.authTime,
      sender,
    };
    const ahead = await tokens.access.issueAhead(grant, () => store.now());
    const rotation = await store.refreshFamilies.rotate(opened, {
      ...settings.refresh,
      // What is bound to a credential or a key needs no rotation (OAuth 2.1 §4.3.1).
      rotates: !isConfidential(client) && token.family.jkt === undefined,
      keyId: tokens.refreshKeyId(),
    });
    switch (rotation.outcome) {
      case 'unknown':
        throw reject('refresh_token_unknown', { grantId });
      case 'expired':
        throw reject('refresh_token_expired', { grantId });
      case 'revoked':
        await revocation.completeRevocation(grantId, rotation.revokedAt, rotation.at);
        throw reject('refresh_token_revoked', { grantId });
      case 'refused':
        throw reject('refresh_token_superseded', { grantId });
      case 'reused':
        audit({ event: 'token.refresh_reused', grantId, subject: token.subject });
        await revocation.revokeGrant(grantId);
        throw reject('refresh_token_reused', { grantId });
    }
    const { family, outcome, at } = rotation;
    if (
      await revocation.isThingDenied({
        grantId,
        subject: family.subject,
        clientHash: family.clientHash,
        issuedAt: family.createdAt,
      })
    ) {
      await revocation.revokeGrant(grantId);
      throw reject('refresh_token_revoked', { grantId });
    }
    const successor = tokens.refresh.write({ ...opened, generation: family.generation, keyId: family.keyId });
    if (successor === undefined) throw new UnavailableError('refresh key');
    const access = ahead ?? (await tokens.access.issue(grant, at));
    audit({ event: outcome === 'replayed' ? 'token.refresh_replayed' : 'token.refreshed', grantId, jti: access.jti });
    return tokenResponse(access, scope, successor);
  };

  const isRefreshTokenLive: RefreshMethods['isRefreshTokenLive'] = async ({ opened, family }) => {
    if (family.revokedAt !== undefined || opened.generation < family.generation) return false;
    const { familyId: grantId, subject, clientHash: hash, createdAt: issuedAt } = family;
    return !(await revocation.isThingDenied({ grantId, subject, clientHash: hash, issuedAt }));
  };

  // A failover can lose a family, never the MAC. The client the token was for is lost with it, but whoever holds the token
  // may end it, and the access tokens of its grant may live for minutes yet.
  const revokeLostToken: RefreshMethods['revokeLostToken'] = async (token) => {
    const opened = tokens.refresh.open(token);
    if (opened === undefined || (await store.refreshFamilies.find(opened.familyId)) !== undefined) return;
    await revocation.revokeGrant(opened.familyId);
  };

  return { loadRefreshToken, isRefreshTokenLive, exchangeRefreshToken, revokeLostToken };
}
