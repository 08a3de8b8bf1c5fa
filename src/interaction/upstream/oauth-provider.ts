import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  fetchProtectedResource,
} from 'openid-client';
import { derivedSubject } from '../../clients/index.ts';
import { isJsonObject, type JsonObject, parseJsonObject, reject, type Scope } from '../../oauth/index.ts';
import { sha256, type TrustedFetch } from '../../platform/index.ts';
import { domainOf, grantableScope, requireAdmitted, shownName, type UpstreamRules } from './upstream-claims.ts';
import { configureClient, type UpstreamClient } from './upstream-client.ts';
import { asUpstreamFault } from './upstream-faults.ts';
import type { UpstreamProvider } from './upstream-provider.ts';

/** A provider that speaks OAuth 2.0 and no more, as the operator describes it. */
export interface OAuthProviderSettings extends UpstreamClient, UpstreamRules {
  readonly id: string;
  readonly label: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** Says who the person is; also the realm in which its ids mean somebody. */
  readonly userInfoEndpoint: string;
  /** The `iss` of its answers; absent: it sends none, and one that comes is not looked at. */
  readonly issuer?: string | undefined;
  readonly scopes: Scope;
  readonly parameters: Readonly<Record<string, string>>;
  readonly idClaim: string;
  readonly usernameClaim?: string | undefined;
  /** A list of `{ email, verified }`. */
  readonly emailsEndpoint?: string | undefined;
  readonly groupsEndpoint?: string | undefined;
  /** The member of its entries that names the group; absent: the entries are texts. */
  readonly groupsMember?: string | undefined;
}

/**
 * People who sign in where there is no ID token: who they are is what the user endpoint says to whoever has the access
 * token, which is thrown away. Code flow with PKCE and `state`, and a callback that no other provider shares.
 */
export function createOAuthProvider(deps: {
  settings: OAuthProviderSettings;
  /** Where it sends people back. */
  callback: string;
  fetch: TrustedFetch;
}): UpstreamProvider {
  const { settings, callback, fetch } = deps;
  const { id, label, authorizationEndpoint, tokenEndpoint, userInfoEndpoint, issuer, idClaim } = settings;
  const dependency = `sign-in at ${id}`;
  const configuration = configureClient(
    {
      issuer: issuer ?? new URL(authorizationEndpoint).origin,
      authorization_endpoint: authorizationEndpoint,
      token_endpoint: tokenEndpoint,
    },
    settings,
    { fetch, clockTolerance: 0, address: authorizationEndpoint },
  );

  /** What an endpoint says to the person's token. */
  async function ask(endpoint: string, accessToken: string): Promise<string> {
    const headers = new Headers({ accept: 'application/json' });
    const answer = await fetchProtectedResource(
      configuration,
      accessToken,
      new URL(endpoint),
      'GET',
      undefined,
      headers,
    );
    if (answer.status !== 200) throw reject('upstream_answer_invalid', { fault: `status_${answer.status}` });
    return answer.text();
  }

  async function askList(endpoint: string | undefined, accessToken: string): Promise<readonly unknown[]> {
    if (endpoint === undefined) return [];
    const list = parseJsonObject(`{"list":${await ask(endpoint, accessToken)}}`)?.['list'];
    if (!Array.isArray(list)) throw reject('upstream_answer_invalid', { fault: 'list' });
    return list;
  }

  async function redeem(answer: URLSearchParams, state: string, verifier: string): Promise<string> {
    const checked = new URLSearchParams(answer);
    if (issuer === undefined) checked.delete('iss');
    else if (checked.get('iss') !== issuer) throw reject('upstream_issuer_wrong');
    const tokens = await authorizationCodeGrant(configuration, new URL(`${callback}?${checked}`), {
      expectedState: state,
      pkceCodeVerifier: verifier,
    });
    return tokens.access_token;
  }

  return {
    id,
    label,
    key: sha256(
      JSON.stringify([
        id,
        userInfoEndpoint,
        idClaim,
        settings.clientId,
        settings.allowedDomains,
        settings.allowedGroups,
        settings.emailsEndpoint,
        settings.groupsEndpoint,
        settings.groupsMember,
        settings.scopesByClaim,
      ]),
    ),
    address: authorizationEndpoint,
    guardedScope: settings.scopesByClaim.flatMap(({ scopes }) => scopes),

    async begin(attempt, { loginHint }) {
      // Nothing says when the person was asked, so a request that wants to know cannot be met here.
      if (attempt.maxAge !== undefined) throw reject('upstream_not_fresh');
      const url = buildAuthorizationUrl(configuration, {
        ...settings.parameters,
        redirect_uri: callback,
        ...(settings.scopes.length > 0 && { scope: settings.scopes.join(' ') }),
        state: attempt.state,
        code_challenge: await calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: 'S256',
        // Not of OAuth 2.0, but known to those who know it, and to be ignored by others (RFC 6749 §3.1).
        ...(attempt.prompt !== undefined && { prompt: attempt.prompt }),
        ...(loginHint !== undefined && { login_hint: loginHint }),
      });
      return url.href;
    },

    async finish(answer, attempt) {
      try {
        const accessToken = await redeem(answer, attempt.state, attempt.verifier);
        const claims = parseJsonObject(await ask(userInfoEndpoint, accessToken));
        const sub = claims === undefined ? undefined : idOf(claims, idClaim);
        if (claims === undefined || sub === undefined) throw reject('upstream_answer_invalid', { fault: 'id' });
        const emails = (await askList(settings.emailsEndpoint, accessToken)).flatMap(verifiedEmail);
        const groups = (await askList(settings.groupsEndpoint, accessToken)).flatMap((one) =>
          groupName(one, settings.groupsMember),
        );
        requireAdmitted(settings, { groups, domains: emails.map(domainOf) });
        return {
          subject: derivedSubject({ issuer: userInfoEndpoint, sub }),
          username: shownName(claims, [settings.usernameClaim ?? 'login', 'username', 'name', idClaim]),
          amr: [],
          scope: grantableScope(settings, { ...claims, emails, groups }),
        };
      } catch (error) {
        throw asUpstreamFault(error, dependency);
      }
    },
  };
}

/** The id as text. A number that JSON cannot carry exactly could be somebody else's. */
function idOf(claims: JsonObject, idClaim: string): string | undefined {
  const value = Object.hasOwn(claims, idClaim) ? claims[idClaim] : undefined;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  return typeof value === 'string' && value !== '' && value.length <= 1_024 ? value : undefined;
}

function verifiedEmail(entry: unknown): readonly string[] {
  return isJsonObject(entry) && entry['verified'] === true && typeof entry['email'] === 'string'
    ? [entry['email']]
    : [];
}

function groupName(entry: unknown, member: string | undefined): readonly string[] {
  const name = member === undefined ? entry : isJsonObject(entry) ? entry[member] : undefined;
  return typeof name === 'string' ? [name] : [];
}
