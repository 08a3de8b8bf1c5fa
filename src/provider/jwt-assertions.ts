import { clientHash, type IdentityAssertion, type Workload } from '../clients/index.ts';
import { reject } from '../oauth/index.ts';
import type { AccessTokenGrant } from '../tokens/index.ts';
import type { GrantRevocation } from './grant-revocation.ts';
import type { JwtProviderDeps } from './jwt-provider.ts';
import type { OAuthAuthorizationServerProvider, OAuthToken } from './provider.ts';
import { tokenResponse } from './token-response.ts';

type Deps = Pick<JwtProviderDeps, 'tokens' | 'store' | 'platform'>;
type Methods = Required<Pick<OAuthAuthorizationServerProvider, 'exchangeIdentityAssertion' | 'exchangeWorkload'>>;

/**
 * Tokens for people an identity provider vouches for. An assertion made before the person, or the client, was revoked
 * counts no more. The token is signed before the assertion is spent, so that a failing signer costs nobody theirs.
 */
export function createIdentityAssertionExchange(
  deps: Deps,
  revocation: GrantRevocation,
): Methods['exchangeIdentityAssertion'] {
  const { random } = deps.platform;
  return async function exchangeIdentityAssertion(client, assertion, { scope, resource }, sender) {
    const { subject, authTime, amr, act, issuedAt } = assertion;
    const origin = { subject, clientHash: clientHash(client) };
    const at = await revocation.momentOfIssue(origin, { ...origin, issuedAt });
    if (at === 'denied') throw reject('assertion_revoked', { issuer: assertion.issuer });
    return issueOnce(deps, assertion, at, {
      subject,
      clientId: client.clientId,
      resource,
      scope,
      grantId: random(16),
      sender,
      ...(authTime !== undefined && { authTime }),
      ...(amr !== undefined && { amr }),
      ...(act !== undefined && { act }),
    });
  };
}

/** Tokens for workloads: the workload is the client, and the subject too. */
export function createWorkloadExchange(deps: Deps, revocation: GrantRevocation): Methods['exchangeWorkload'] {
  const { random } = deps.platform;
  return async function exchangeWorkload(workload, { scope, resource }, sender) {
    const { clientId } = workload;
    const at = await revocation.momentOfIssue({ subject: clientId, clientHash: clientHash(workload) });
    if (at === 'denied') throw reject('assertion_revoked', { issuer: workload.issuer });
    return issueOnce(deps, workload, at, { subject: clientId, clientId, resource, scope, grantId: random(16), sender });
  };
}

async function issueOnce(
  { tokens, store, platform: { audit } }: Deps,
  assertion: IdentityAssertion | Workload,
  at: number,
  grant: AccessTokenGrant & { readonly grantId: string },
): Promise<OAuthToken> {
  const { marker, issuer } = assertion;
  const access = await tokens.access.issue(grant, at);
  if (marker !== undefined && (await store.oneTime.consumeOnce(marker)) === 'again') {
    audit({ event: 'assertion.replayed', issuer, assertion: marker.id });
    throw reject('assertion_spent', { issuer });
  }
  const { subject, grantId, clientId, resource } = grant;
  audit({
    event: 'token.issued',
    grant: 'assertion',
    issuer,
    ...('name' in assertion && { workload: assertion.name }),
    grantId,
    jti: access.jti,
    subject,
    clientHash: clientHash({ clientId }),
    resource,
  });
  return tokenResponse(access, grant.scope, undefined);
}
