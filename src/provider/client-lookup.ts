import { type Client, parseAssertion } from '../clients/index.ts';
import { OAuthError } from '../oauth/index.ts';
import { sha256 } from '../platform/index.ts';
import type { JwtProviderDeps } from './jwt-provider.ts';

/**
 * Finds clients. One whose metadata lies on the network is asked for only when a person has signed in (no `presented`) or
 * what was presented is ours and of that client: a stranger cannot make the server fetch an address (SEP-991).
 */
export function createClientLookup(
  deps: Pick<JwtProviderDeps, 'clients' | 'tokens' | 'store'>,
  isDeleted: (client: Client) => Promise<boolean>,
): (clientId: string, presented?: string) => Promise<Client | undefined> {
  const { clients, tokens, store } = deps;

  async function isOfClient(presented: string, clientId: string): Promise<boolean> {
    const hash = sha256(clientId);
    if (tokens.refresh.looksLikeOurs(presented)) {
      const refresh = tokens.refresh.open(presented);
      return refresh !== undefined && (await store.refreshFamilies.find(refresh.familyId))?.clientHash === hash;
    }
    if (await isAssertionFor(presented, clientId)) return true;
    const code = await tokens.codes.open(presented);
    return code?.client === hash || tokens.access.open(presented)?.claims.client_id === clientId;
  }

  /** Whether a trusted identity provider made the assertion for that client. */
  async function isAssertionFor(presented: string, clientId: string): Promise<boolean> {
    const assertion = parseAssertion(presented);
    if (typeof assertion === 'string' || assertion.claims['client_id'] !== clientId) return false;
    try {
      await clients.identityAssertions?.open(assertion);
      return clients.identityAssertions !== undefined;
    } catch (thrown) {
      if (thrown instanceof OAuthError) return false;
      throw thrown;
    }
  }

  return async function getClient(clientId, presented) {
    if (presented !== undefined && clients.isRemote?.(clientId) === true && !(await isOfClient(presented, clientId))) {
      return undefined;
    }
    const client = await clients.find(clientId);
    return client === undefined || (await isDeleted(client)) ? undefined : client;
  };
}
