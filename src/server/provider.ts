import { createClientDirectory, createSignedClientIds, type MetadataDocumentClients } from '../clients/index.ts';
import type { Config } from '../config/index.ts';
import type { Interaction } from '../interaction/index.ts';
import { CLOCK_SKEW, type KeyRing } from '../keys/index.ts';
import type { Audit, Clock, Random } from '../platform/index.ts';
import { createJwtProvider, type JwtProvider, type TokenExchangeRule } from '../provider/index.ts';
import { type AuthorizationCodes, createAccessTokens, createRefreshTokens, type TokenStore } from '../tokens/index.ts';
import type { AssertionIssuers } from './assertion-issuers.ts';
import { openConfiguredClients } from './configured-clients.ts';

/** Parts a provider is built over. */
export interface ProviderParts {
  readonly keys: KeyRing;
  readonly store: TokenStore;
  readonly codes: AuthorizationCodes;
  readonly interaction: Pick<Interaction, 'begin' | 'signInBefore'>;
  /** Absent: a URL is nobody's client_id. */
  readonly documents: MetadataDocumentClients | undefined;
  readonly assertions: AssertionIssuers;
  readonly platform: { readonly clock: Clock; readonly random: Random; readonly audit: Audit };
}

/** Our provider, over the keys and the store of a server. */
export function buildProvider(config: Config, parts: ProviderParts): JwtProvider {
  const { keys, store, codes, interaction, documents, assertions, platform } = parts;
  const { clock, random } = platform;
  const signedClientIds = createSignedClientIds({ keys, clock, random });
  const directory = createClientDirectory({
    configured: openConfiguredClients(config),
    signedClientIds,
    documents,
  });
  return createJwtProvider({
    clients: {
      find: directory.find,
      ...assertions,
      register: signedClientIds.register,
      openRegistration: signedClientIds.openRegistration,
      ...(documents !== undefined && { isRemote: documents.isAdmitted }),
    },
    tokens: {
      access: createAccessTokens({ keys, issuer: config.issuer, random, lifetime: config.lifetimes.accessToken }),
      refresh: createRefreshTokens({ keys }),
      codes,
      refreshKeyId: () => keys.activeSecret('refresh').kid,
    },
    store,
    interaction: {
      begin: interaction.begin,
      ...(documents !== undefined && {
        signInBefore: async (clientId, parameters) =>
          documents.isAdmitted(clientId) ? interaction.signInBefore(clientId, parameters) : undefined,
      }),
    },
    platform,
    settings: {
      issuer: config.issuer,
      clockTolerance: CLOCK_SKEW,
      clientCredentials: config.clients.some((client) => client.grant_types?.includes('client_credentials') === true),
      tokenExchanges: describeTokenExchanges(config),
      registrationManagement: config.registration.enabled && config.registration.management,
      refresh: {
        replayWindow: config.refresh.replayWindow,
        burstWindow: config.refresh.burstWindow,
        reuse: config.refresh.reuse,
        idleLifetime: config.lifetimes.refreshIdle,
        absoluteLifetime: config.lifetimes.refreshAbsolute,
      },
    },
  });
}

/** The exchanges of the configuration, with what the scope names they start from contain. */
function describeTokenExchanges({ tokenExchanges, resources }: Config): readonly TokenExchangeRule[] {
  return tokenExchanges.map((rule) => {
    const implies = resources.find(({ resource }) => resource === rule.from)?.implies;
    return implies === undefined ? rule : { ...rule, implies };
  });
}
