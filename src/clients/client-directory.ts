import type { Client } from './client.ts';
import type { SignedClientIds } from './signed-client-id.ts';

/** Finds the client a client_id names. */
export interface ClientDirectory {
  /** Configured clients first, then signed client_ids. `undefined` when nobody is known by it. */
  find(clientId: string): Promise<Client | undefined>;
}

export function createClientDirectory(deps: {
  configured: readonly Client[];
  signedClientIds: Pick<SignedClientIds, 'open'>;
}): ClientDirectory {
  const configured = new Map(deps.configured.map((client) => [client.clientId, client]));
  return {
    find: async (clientId) => configured.get(clientId) ?? deps.signedClientIds.open(clientId),
  };
}
