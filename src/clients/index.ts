/**
 * clients: from a client_id to a `Client`, registration, and client authentication.
 *
 * May import: oauth, platform, keys.
 */
export type { Client, ClientAuthenticationMethod, ClientOrigin, RegisteredClient } from './client.ts';
export { clientHash, isConfidential } from './client.ts';
