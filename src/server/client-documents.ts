import { createMetadataDocumentClients, isDocumentTrustEntry, type MetadataDocumentClients } from '../clients/index.ts';
import { type Config, ConfigError } from '../config/index.ts';
import { INTERACTIVE_GRANT_TYPES, JWT_BEARER } from '../grants/index.ts';
import { isLoopbackUrl } from '../oauth/index.ts';
import type { Clock, GuardedFetch } from '../platform/index.ts';

/**
 * Clients that are the URL of a metadata document, where the configuration admits them. Documents on this machine count
 * only for an issuer on this machine.
 * @throws ConfigError for an entry of the trust policy that would match nothing.
 */
export function openClientDocuments(
  config: Config,
  deps: { readonly fetch: GuardedFetch; readonly clock: Clock },
): MetadataDocumentClients | undefined {
  const { enabled, allow, deny } = config.clientDocuments;
  if (!enabled) return undefined;
  const unusable = [...(allow ?? []), ...(deny ?? [])].filter((entry) => !isDocumentTrustEntry(entry));
  if (unusable.length > 0) {
    const fault = `${unusable.join(', ')}: must be a host, *. and a host, or the URL of one document`;
    throw new ConfigError([{ setting: 'clientDocuments', fault }]);
  }
  const allowLoopback = isLoopbackUrl(config.issuer);
  return createMetadataDocumentClients({
    ...deps,
    policy: {
      allowLoopback,
      authenticationMethods: ['none', 'private_key_jwt'],
      grantTypes: [
        ...INTERACTIVE_GRANT_TYPES,
        // An identity provider may name such a client, which the operator then need not configure.
        ...(config.identityProviders.length > 0 ? [JWT_BEARER] : []),
      ],
      trust: { ...(allow !== undefined && { allow }), ...(deny !== undefined && { deny }) },
    },
  });
}
