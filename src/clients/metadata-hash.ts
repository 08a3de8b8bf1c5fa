import { sha256 } from '../platform/index.ts';
import type { Client } from './client.ts';

/**
 * A digest of what a person agrees to when allowing a client: its name, where answers go, and the keys it proves itself
 * with. It goes into the audit of the consent, so that what was agreed to can be told from what the document says later
 * (draft-ietf-oauth-client-id-metadata-document-02, changes in metadata).
 */
export function metadataHash(client: Client): string {
  const { clientName, redirectUris, authenticationMethod, otherAuthenticationMethods = [], jwks, jwksUri } = client;
  return sha256(
    JSON.stringify([
      clientName ?? null,
      [...redirectUris].sort(),
      [authenticationMethod, ...otherAuthenticationMethods].sort(),
      jwks ?? null,
      jwksUri ?? null,
    ]),
  );
}
