import type {
  Client,
  ClientDirectory,
  IdentityAssertions,
  SignedClientIds,
  WorkloadAssertions,
} from '../clients/index.ts';
import type { AccessTokenClaims, AuthorizationRequest, Seconds } from '../oauth/index.ts';
import type { Audit, Clock, Random } from '../platform/index.ts';
import type { AccessTokens, AuthorizationCodes, RefreshTokens, RotationRules, TokenStore } from '../tokens/index.ts';
import { createClientLookup } from './client-lookup.ts';
import { createGrantRevocation } from './grant-revocation.ts';
import { createAccessTokenLookup, type JwtAccessToken } from './jwt-access-token.ts';
import { createIdentityAssertionExchange, createWorkloadExchange } from './jwt-assertions.ts';
import { createCodeMethods, type JwtAuthorizationCode } from './jwt-authorization-code.ts';
import { createClientCredentialsExchange } from './jwt-client-credentials.ts';
import { createRefreshMethods, type JwtRefreshToken } from './jwt-refresh-token.ts';
import { createTokenExchange, type TokenExchangeRule } from './jwt-token-exchange.ts';
import type { OAuthAuthorizationServerProvider } from './provider.ts';
import { createRegistrations } from './registrations.ts';

/** Lengths of time in seconds, and how refresh tokens behave. */
export interface JwtProviderSettings {
  readonly issuer: string;
  readonly refresh: Omit<RotationRules, 'rotates' | 'keyId'> & { readonly absoluteLifetime: Seconds };
  /** Whether some client may have tokens of its own (RFC 6749 §4.4). */
  readonly clientCredentials?: boolean;
  /** Whether clients that registered themselves may read and delete their registration (RFC 7592). */
  readonly registrationManagement?: boolean;
  /** Which clients may exchange which tokens; absent: none may. */
  readonly tokenExchanges?: readonly TokenExchangeRule[];
  /** How far the clocks of validators may differ; denied grants stay on the denylist that much longer. */
  readonly clockTolerance: Seconds;
}

/** What `JwtProvider` is made of. */
export interface JwtProviderDeps {
  readonly clients: ClientDirectory &
    Pick<SignedClientIds, 'register' | 'openRegistration'> & {
      /** Whether finding the client may take a request over the network; absent: never. */
      readonly isRemote?: (clientId: string) => boolean;
      /** The identity providers that are trusted; absent: none is. */
      readonly identityAssertions?: IdentityAssertions;
      /** The platforms whose workloads are known; absent: none is. */
      readonly workloadAssertions?: WorkloadAssertions;
    };
  readonly tokens: {
    readonly access: AccessTokens;
    readonly refresh: RefreshTokens;
    readonly codes: AuthorizationCodes;
    /** The kid of the refresh key in force. */
    readonly refreshKeyId: () => string;
  };
  readonly store: TokenStore;
  readonly interaction: {
    /** Where the browser goes for sign-in and consent. */
    readonly begin: (client: Client, request: AuthorizationRequest) => Promise<string>;
    /** Where it goes before the client may be looked up; absent: every client may be looked up at once. */
    readonly signInBefore?: (clientId: string, parameters: string) => Promise<string | undefined>;
  };
  readonly platform: { readonly clock: Clock; readonly random: Random; readonly audit: Audit };
  readonly settings: JwtProviderSettings;
}

/** The provider whose every token validates without a database: RFC 9068 access tokens, sealed codes, signed client_ids. */
export type JwtProvider = OAuthAuthorizationServerProvider<JwtAuthorizationCode, JwtRefreshToken, JwtAccessToken>;

export function createJwtProvider(deps: JwtProviderDeps): JwtProvider {
  const { clients, tokens, store, settings } = deps;
  const { audit } = deps.platform;
  const revocation = createGrantRevocation({
    store,
    audit,
    denialLifetime: tokens.access.lifetime + 2 * settings.clockTolerance,
    tombstoneLifetime: settings.refresh.absoluteLifetime,
  });

  async function revokeToken(token: JwtAccessToken | JwtRefreshToken): Promise<void> {
    const grantId = token.kind === 'refresh_token' ? token.family.familyId : token.grantId;
    // Who acts for somebody gives up its own token, not the grant it was exchanged from.
    const isExchanged = token.kind === 'access_token' && isOfExchange(token.opened.claims);
    if (grantId !== undefined && !isExchanged) await revocation.revokeGrant(grantId);
    else if (token.kind === 'access_token') await revocation.denyAccessToken(token.jti);
    audit({ event: 'token.revoked', kind: token.kind, grantId, subject: token.subject });
  }

  const registrations = createRegistrations(deps, revocation);
  const getClient = createClientLookup(deps, registrations.isDeleted);

  return {
    getClient,
    registerClient: async (metadata) => {
      const client = clients.register(metadata);
      audit({ event: 'client.registered', clientName: client.clientName, redirectUris: client.redirectUris.join(' ') });
      return client;
    },
    authorize: deps.interaction.begin,
    ...createCodeMethods(deps, revocation),
    ...createRefreshMethods(deps, revocation),
    loadAccessToken: createAccessTokenLookup(deps, revocation),
    revokeToken,
    ...(settings.clientCredentials === true && {
      exchangeClientCredentials: createClientCredentialsExchange(deps, revocation),
    }),
    ...(clients.identityAssertions !== undefined && {
      loadIdentityAssertion: clients.identityAssertions.open,
      exchangeIdentityAssertion: createIdentityAssertionExchange(deps, revocation),
    }),
    ...(clients.workloadAssertions !== undefined && {
      loadWorkload: clients.workloadAssertions.open,
      exchangeWorkload: createWorkloadExchange(deps, revocation),
    }),
    ...((settings.tokenExchanges ?? []).length > 0 && { exchangeToken: createTokenExchange(deps, revocation) }),
    ...(settings.registrationManagement === true && registrations.methods),
    ...(deps.interaction.signInBefore !== undefined && { signInBefore: deps.interaction.signInBefore }),
  };
}

/** Whether the client got the token by an exchange: then it acts itself. An actor of somebody else's assertion has an `iss`. */
function isOfExchange({ act, client_id: clientId }: AccessTokenClaims): boolean {
  return act !== undefined && act['sub'] === clientId && act['iss'] === undefined;
}
