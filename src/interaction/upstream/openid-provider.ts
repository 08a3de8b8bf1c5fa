import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  enableNonRepudiationChecks,
  fetchUserInfo,
  type ServerMetadata,
} from 'openid-client';
import { derivedSubject } from '../../clients/index.ts';
import {
  type JsonObject,
  parseJsonBytes,
  reject,
  type Scope,
  type Seconds,
  UnavailableError,
} from '../../oauth/index.ts';
import { type Clock, sha256, type TrustedFetch } from '../../platform/index.ts';
import { createOpenIdDiscovery } from './openid-discovery.ts';
import {
  domainOf,
  grantableScope,
  requireAdmitted,
  shownName,
  textsAt,
  type UpstreamRules,
} from './upstream-claims.ts';
import { configureClient, type UpstreamClient } from './upstream-client.ts';
import { asUpstreamFault } from './upstream-faults.ts';
import type { UpstreamAttempt, UpstreamPerson, UpstreamProvider } from './upstream-provider.ts';

/** An OpenID provider, as the operator describes it. */
export interface OpenIdSettings extends UpstreamClient, UpstreamRules {
  readonly id: string;
  readonly label: string;
  readonly issuer: string;
  /** The `tenant` its ID-JAGs name. */
  readonly tenant?: string | undefined;
  readonly scopes: Scope;
  /** The `alg`s of its ID tokens. */
  readonly algorithms: readonly string[];
  readonly clockTolerance: Seconds;
  /** Whether the UserInfo endpoint is asked too. */
  readonly userInfo: boolean;
  /** What else its authorization requests say. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly usernameClaim?: string | undefined;
  readonly groupsClaim: string;
  /** Absent: the domain of a verified e-mail address counts. */
  readonly domainClaim?: string | undefined;
  /** The values of `prompt` it understands; absent: what its metadata says. */
  readonly prompts?: readonly string[] | undefined;
}

/** People who sign in by OpenID Connect: code flow with PKCE, `state`, `nonce` and `iss` (RFC 9207), signed ID tokens. */
export function createOpenIdProvider(deps: {
  settings: OpenIdSettings;
  /** Where it sends people back. */
  callback: string;
  fetch: TrustedFetch;
  clock: Clock;
}): UpstreamProvider {
  const { settings, callback, fetch, clock } = deps;
  const { id, label, issuer, tenant, clientId, groupsClaim, domainClaim, allowedDomains, allowedGroups } = settings;
  const dependency = `sign-in at ${id}`;
  const discover = createOpenIdDiscovery({ issuer, dependency, fetch, clock, make: configure });

  function configure(metadata: ServerMetadata): Configuration {
    const { id_token_signing_alg_values_supported: supported } = metadata;
    const algorithms = settings.algorithms.filter((alg) => supported?.includes(alg) ?? true);
    const configuration = configureClient(
      { ...metadata, id_token_signing_alg_values_supported: algorithms },
      settings,
      { fetch, clockTolerance: settings.clockTolerance, address: issuer },
    );
    // Metadata that leads nowhere is found out here, and not by a person half way.
    buildAuthorizationUrl(configuration, {});
    if (metadata.token_endpoint === undefined || metadata.jwks_uri === undefined)
      throw new UnavailableError(dependency, { cause: new Error('metadata without endpoints') });
    // Without it the library takes the word of TLS for the ID token.
    enableNonRepudiationChecks(configuration);
    return configuration;
  }

  /** What is sent as `prompt`: the provider may not know the value, and then the other one says nearly the same. */
  function promptFor(wanted: UpstreamAttempt['prompt'], metadata: ServerMetadata): string | undefined {
    if (wanted === undefined) return undefined;
    const published = metadata['prompt_values_supported'];
    // Every provider must know `login` (OpenID Connect Core §15.1 has it mandatory to implement).
    const known = settings.prompts ?? (Array.isArray(published) ? published : ['login']);
    return [wanted, 'login', 'select_account'].find((value) => known.includes(value));
  }

  async function readClaims(answer: URLSearchParams, attempt: UpstreamAttempt): Promise<JsonObject> {
    const configuration = await discover();
    requireIssuer(answer, configuration.serverMetadata());
    try {
      const tokens = await authorizationCodeGrant(configuration, new URL(`${callback}?${answer}`), {
        expectedState: attempt.state,
        expectedNonce: attempt.nonce,
        pkceCodeVerifier: attempt.verifier,
      });
      const claims = { ...tokens.claims() };
      requireIdToken(claims, tokens.id_token);
      if (!settings.userInfo) return claims;
      return { ...(await fetchUserInfo(configuration, tokens.access_token, claims.sub)), ...claims };
    } catch (error) {
      throw asUpstreamFault(error, dependency);
    }
  }

  /** What the library leaves to us (OpenID Connect Core §3.1.3.7). */
  function requireIdToken(claims: JsonObject, idToken: string | undefined): asserts claims is { sub: string } {
    const { sub, iat, azp } = claims;
    const fault = !isIdTokenType(idToken)
      ? 'typ'
      : typeof sub !== 'string' || sub === '' || sub.length > 1_024
        ? 'sub'
        : typeof iat !== 'number' || iat > clock() + settings.clockTolerance
          ? 'iat'
          : azp !== undefined && azp !== clientId
            ? 'azp'
            : undefined;
    if (fault !== undefined) throw reject('upstream_answer_invalid', { fault });
  }

  function requireFresh(authTime: unknown, attempt: UpstreamAttempt): void {
    const oldest = Math.max(
      attempt.maxAge === undefined ? 0 : clock() - attempt.maxAge,
      // A provider that does not say when it asked is believed that it asked.
      attempt.prompt === 'login' && authTime !== undefined ? attempt.startedAt : 0,
    );
    if (oldest > 0 && !(typeof authTime === 'number' && authTime >= oldest - settings.clockTolerance))
      throw reject('upstream_not_fresh');
  }

  function domainsOf(claims: JsonObject): readonly string[] {
    if (domainClaim !== undefined) return textsAt(claims, domainClaim);
    const isVerified = claims['email_verified'] === true || claims['email_verified'] === 'true';
    return isVerified ? textsAt(claims, 'email').map(domainOf) : [];
  }

  return {
    id,
    label,
    key: sha256(
      JSON.stringify([
        id,
        issuer,
        tenant,
        clientId,
        allowedDomains,
        domainClaim,
        allowedGroups,
        groupsClaim,
        settings.scopesByClaim,
      ]),
    ),
    address: issuer,
    guardedScope: settings.scopesByClaim.flatMap(({ scopes }) => scopes),

    async begin(attempt, { loginHint, languages }) {
      const configuration = await discover();
      const prompt = promptFor(attempt.prompt, configuration.serverMetadata());
      const url = buildAuthorizationUrl(configuration, {
        ...settings.parameters,
        redirect_uri: callback,
        scope: [...new Set(['openid', ...settings.scopes])].join(' '),
        state: attempt.state,
        nonce: attempt.nonce,
        code_challenge: await calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: 'S256',
        ...(prompt !== undefined && { prompt }),
        ...(attempt.maxAge !== undefined && { max_age: String(attempt.maxAge) }),
        ...(loginHint !== undefined && { login_hint: loginHint }),
        ...(languages.length > 0 && { ui_locales: languages.join(' ') }),
      });
      return url.href;
    },

    async finish(answer, attempt): Promise<UpstreamPerson> {
      const claims = await readClaims(answer, attempt);
      const { iss, sub, amr, auth_time: authTime } = claims;
      requireFresh(authTime, attempt);
      requireAdmitted(settings, { groups: textsAt(claims, groupsClaim), domains: domainsOf(claims) });
      const { usernameClaim } = settings;
      return {
        subject: derivedSubject({ issuer: iss, tenant, sub }),
        username: shownName(claims, [...(usernameClaim === undefined ? [] : [usernameClaim]), ...NAME_CLAIMS]),
        amr: readMethods(amr),
        ...(typeof authTime === 'number' && { authTime }),
        scope: grantableScope(settings, claims),
      };
    },
  };
}

const NAME_CLAIMS = ['preferred_username', 'email', 'name', 'sub'];
const MAX_METHODS = 10;

function readMethods(amr: unknown): readonly string[] {
  if (!Array.isArray(amr)) return [];
  return amr.filter((one) => typeof one === 'string' && /^[\x21-\x7e]{1,64}$/.test(one)).slice(0, MAX_METHODS);
}

/** The provider the answer comes from is the one that was asked, wherever either side says so (RFC 9207 §2.4). */
function requireIssuer(answer: URLSearchParams, metadata: ServerMetadata): void {
  const said = answer.get('iss');
  if (said === null ? metadata.authorization_response_iss_parameter_supported === true : said !== metadata.issuer)
    throw reject('upstream_issuer_wrong');
}

/** A JWT that says it is something else is no ID token, whoever signed it (RFC 8725 §3.11). */
function isIdTokenType(idToken: string | undefined): boolean {
  const header = parseJsonBytes(Buffer.from(idToken?.split('.')[0] ?? '', 'base64url'));
  const typ = header?.['typ'];
  return header !== undefined && (typ === undefined || (typeof typ === 'string' && typ.toLowerCase() === 'jwt'));
}
