import { type Client, clientHash } from '../clients/index.ts';
import {
  type AccessTokenClaims,
  expandScope,
  isJsonObject,
  isSameResource,
  type JsonObject,
  machineScope,
  reject,
  type Scope,
} from '../oauth/index.ts';
import type { GrantRevocation } from './grant-revocation.ts';
import { deniableOf, type JwtAccessToken } from './jwt-access-token.ts';
import type { JwtProviderDeps } from './jwt-provider.ts';
import type { OAuthAuthorizationServerProvider } from './provider.ts';
import { tokenResponse } from './token-response.ts';

/** One exchange an operator allows (RFC 8693): whose, from which resource, to which. */
export interface TokenExchangeRule {
  /** The client_id of the MCP server that exchanges. */
  readonly client: string;
  /** The resource whose tokens it may exchange: itself. */
  readonly from: string;
  /** The resource it may get tokens for. */
  readonly to: string;
  /** Scope name at `from` → the names it stands for at `to`. Absent: the names both have. */
  readonly scopes?: Readonly<Record<string, readonly string[]>>;
  /** What scope names at `from` contain. */
  readonly implies?: Readonly<Record<string, readonly string[]>>;
}

/** How many may have acted one after the other. */
const MAX_ACTORS = 8;

/**
 * Exchanges by rules. The new token is of the same subject and the same grant, ends no later than the one it is made from,
 * and names the client as the one who acts, before those who acted earlier (RFC 8693 §4.1).
 */
export function createTokenExchange(
  deps: Pick<JwtProviderDeps, 'tokens' | 'platform' | 'settings'>,
  revocation: GrantRevocation,
): NonNullable<OAuthAuthorizationServerProvider<never, never, JwtAccessToken>['exchangeToken']> {
  const { tokens, settings } = deps;
  const { audit } = deps.platform;
  const rules = settings.tokenExchanges ?? [];

  return async function exchangeToken(client, subject, wanted, sender) {
    const { clientId } = client;
    const { claims } = subject.opened;
    const ofClient = rules.filter((rule) => rule.client === clientId && isSameResource(rule.from, subject.resource));
    if (ofClient.length === 0) throw reject('subject_token_of_other_resource', { jti: claims.jti });
    const rule = ofClient.find(({ to }) => isSameResource(to, wanted.resource.resource));
    if (rule === undefined) throw reject('exchange_target_not_allowed', { resource: wanted.resource.resource });
    if (!mayAct(claims, client, settings.issuer)) throw reject('subject_token_for_other_actor', { jti: claims.jti });
    // What only its holder could use does not become what anybody can.
    if (claims.cnf !== undefined && sender === undefined) throw reject('subject_token_bound', { jti: claims.jti });
    const act = { sub: clientId, ...(claims.act !== undefined && { act: claims.act }) };
    if (countActors(act) > MAX_ACTORS) throw reject('subject_token_chain_too_long', { jti: claims.jti });
    // A token that permits nothing by name is exchanged for one that permits nothing by name.
    const isNameless = subject.scope.length === 0 && wanted.scope === undefined;
    const scope = isNameless ? [] : machineScope(wanted.scope, wanted.resource, [translate(subject.scope, rule)]);

    const grant = { subject: claims.sub, ...(claims.gid !== undefined && { grantId: claims.gid }) };
    const at = await revocation.momentOfIssue({ ...grant, clientHash: clientHash(client) }, deniableOf(subject.opened));
    if (at === 'denied') throw reject('subject_token_revoked', { jti: claims.jti });
    if (claims.exp <= at) throw reject('subject_token_expired', { jti: claims.jti });
    const { resource } = wanted.resource;
    const access = await tokens.access.issue(
      {
        ...grant,
        clientId,
        resource,
        scope,
        act,
        notAfter: claims.exp,
        sender,
        ...(claims.auth_time !== undefined && { authTime: claims.auth_time }),
        ...(claims.amr !== undefined && { amr: claims.amr }),
      },
      at,
    );
    audit({
      event: 'token.exchanged',
      ...grant,
      jti: access.jti,
      subjectJti: claims.jti,
      clientHash: clientHash(client),
      from: subject.resource,
      resource,
    });
    return tokenResponse(access, scope, undefined);
  };
}

/** Whether the subject token leaves it open who acts, or names this client (RFC 8693 §4.4). */
function mayAct({ may_act: mayAct }: AccessTokenClaims, { clientId }: Client, issuer: string): boolean {
  if (mayAct === undefined) return true;
  return mayAct['sub'] === clientId && (mayAct['iss'] === undefined || mayAct['iss'] === issuer);
}

function countActors(act: JsonObject): number {
  let count = 0;
  for (let actor: unknown = act; isJsonObject(actor); actor = actor['act']) count++;
  return count;
}

/** What the scope of a token means at the other resource. */
function translate(scope: Scope, { scopes, implies }: TokenExchangeRule): Scope {
  const granted = [...expandScope(scope, implies)];
  if (scopes === undefined) return granted;
  return granted.flatMap((name) => (Object.hasOwn(scopes, name) ? (scopes[name] ?? []) : []));
}
