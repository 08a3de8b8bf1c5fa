import { type Client, clientHash } from '../clients/index.ts';
import type { Seconds } from '../oauth/index.ts';
import type { GrantRevocation } from './grant-revocation.ts';
import type { JwtProviderDeps } from './jwt-provider.ts';
import type { OAuthAuthorizationServerProvider } from './provider.ts';

/** Registrations that their clients manage (RFC 7592). */
export interface Registrations {
  /** Whether the client ended its registration. Asks the store only of clients that could have. @throws UnavailableError */
  isDeleted(client: Client): Promise<boolean>;
  readonly methods: Required<Pick<OAuthAuthorizationServerProvider, 'loadRegistration' | 'deleteClient'>>;
}

/** A signed client_id has no end, so what denies it has none either: a hundred years. */
const FOR_GOOD: Seconds = 36_500 * 86_400;

/**
 * Reading a signed client_id needs no store. Deleting it is an entry of the denylist: nothing else knows of it. The entry
 * has the name of the client where others have a `jti`, being about one signed thing as they are.
 */
export function createRegistrations(
  deps: Pick<JwtProviderDeps, 'clients' | 'store' | 'platform' | 'settings'>,
  revocation: Pick<GrantRevocation, 'revokeGrant'>,
): Registrations {
  const { clients, store, settings } = deps;
  const { audit } = deps.platform;

  async function isDeleted(client: Client): Promise<boolean> {
    if (settings.registrationManagement !== true || client.origin !== 'registered') return false;
    return (await store.denylist.match([{ kind: 'jti', id: clientHash(client) }])).length > 0;
  }

  return {
    isDeleted,
    methods: {
      async loadRegistration(clientId, registrationAccessToken) {
        const registration = clients.openRegistration(clientId, registrationAccessToken);
        return registration === undefined || (await isDeleted(registration)) ? undefined : registration;
      },

      // The registration first: after it nothing new is issued, so what is ended next is all there is.
      async deleteClient(client) {
        const id = clientHash(client);
        await store.denylist.deny({ kind: 'jti', id, lifetime: FOR_GOOD });
        await store.denylist.deny({ kind: 'client', id, lifetime: settings.refresh.absoluteLifetime });
        for (const { familyId } of await store.refreshFamilies.list({ clientHash: id }))
          await revocation.revokeGrant(familyId);
        audit({ event: 'client.deleted', clientHash: id });
      },
    },
  };
}
