import { clientHash, isConfidential } from '../clients/index.ts';
import { formatScope, reject } from '../oauth/index.ts';
import { sha256 } from '../platform/index.ts';
import type { AuthorizationCodeClaims, Opened } from '../tokens/index.ts';
import type { GrantRevocation } from './grant-revocation.ts';
import type { JwtProviderDeps } from './jwt-provider.ts';
import type { AuthorizationCode, OAuthAuthorizationServerProvider } from './provider.ts';
import { tokenResponse } from './token-response.ts';

/** A sealed code, opened. */
export interface JwtAuthorizationCode extends AuthorizationCode {
  readonly claims: Opened<AuthorizationCodeClaims>;
}

type CodeMethods = Pick<
  OAuthAuthorizationServerProvider<JwtAuthorizationCode>,
  'loadAuthorizationCode' | 'exchangeAuthorizationCode'
>;

/** The two methods about codes: sealed when issued, remembered by `jti` once spent. */
export function createCodeMethods(
  deps: Pick<JwtProviderDeps, 'tokens' | 'store' | 'platform' | 'settings'>,
  revocation: GrantRevocation,
): CodeMethods {
  const { tokens, store, settings } = deps;
  const { random, audit } = deps.platform;

  const loadAuthorizationCode: CodeMethods['loadAuthorizationCode'] = async (client, code) => {
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
      ...(claims.jkt !== undefined && { sender: { jkt: claims.jkt } }),
      claims,
    };
  };

  const exchangeAuthorizationCode: CodeMethods['exchangeAuthorizationCode'] = async (client, code, sender) => {
    const { claims } = code;
    const marker = { kind: 'code', id: claims.jti, familyId: claims.gid, expiresAt: claims.exp } as const;
    const nonce = random(16);
    const keyId = tokens.refreshKeyId();
    const isRefreshable = client.grantTypes.includes('refresh_token');
    const grant = {
      subject: claims.sub,
      clientId: client.clientId,
      resource: claims.resource,
      scope: claims.scope,
      grantId: claims.gid,
      authTime: claims.authTime,
      amr: claims.amr,
      sender,
    };
    // A code that was spent for nothing would be a replay when the client tries again.
    const ahead = await tokens.access.issueAhead(grant, () => store.now());
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
          // A client that keeps a credential may change its key; its credential binds it already (RFC 9449 §5).
          ...(sender !== undefined && !isConfidential(client) && { jkt: sender.jkt }),
        })
      : { at: await store.now(), outcome: await store.oneTime.consumeOnce(marker) };
    if (outcome === 'again') {
      audit({ event: 'code.replayed', grantId: claims.gid, jti: claims.jti });
      await revocation.revokeGrant(claims.gid);
      throw reject('code_spent', { grantId: claims.gid });
    }
    // After the spend: whatever is denied from here on denies these tokens too, because they are issued no later.
    const origin = { subject: claims.sub, clientHash: claims.client, grantId: claims.gid, jti: claims.jti };
    if (await revocation.isThingDenied({ ...origin, issuedAt: claims.iat })) {
      await revocation.revokeGrant(claims.gid);
      throw reject('code_revoked', { grantId: claims.gid });
    }
    const access = ahead ?? (await tokens.access.issue(grant, at));
    audit({ event: 'token.issued', grantId: claims.gid, jti: access.jti, subject: claims.sub });
    const refresh = isRefreshable
      ? tokens.refresh.write({ familyId: claims.gid, generation: 0, nonce, keyId })
      : undefined;
    return tokenResponse(access, claims.scope, refresh);
  };

  return { loadAuthorizationCode, exchangeAuthorizationCode };
}
