import type { Client } from './client.ts';
import type { MetadataDocumentClients } from './client-id-metadata-document.ts';
import type { SignedClientIds } from './signed-client-id.ts';

/** Finds the client a client_id names. */
export interface ClientDirectory {
  /**
   * Configured clients first, then metadata documents, then signed client_ids. `undefined` when nobody is known by it.
   * @throws OAuthError, UnavailableError as `MetadataDocumentClients.find` does.
   */
  find(clientId: string): Promise<Client | undefined>;
}

export function createClientDirectory(deps: {
  configured: readonly Client[];
  signedClientIds: Pick<SignedClientIds, 'open'>;
  /** Absent: URLs are nobody's client_id. */
  documents?: Pick<MetadataDocumentClients, 'find'> | undefined;
}): ClientDirectory {
  const configured = new Map(deps.configured.map((client) => [client.clientId, client]));
  return {
    find: async (clientId) =>
      configured.get(clientId) ?? (await deps.documents?.find(clientId)) ?? deps.signedClientIds.open(clientId),
  };
}
