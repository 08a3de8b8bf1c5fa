import type { Middleware } from 'koa';
import {
  type ClientMetadata,
  parseClientMetadata,
  type RegisteredClient,
  type RegistrationPolicy,
} from '../clients/index.ts';
import { readJsonBody } from './body.ts';

/** POST /register (RFC 7591 §3): 201 with the client_id and everything that was registered. */
export function registerEndpoint(deps: {
  registerClient: (metadata: ClientMetadata) => Promise<RegisteredClient>;
  policy: RegistrationPolicy;
}): Middleware {
  const { registerClient, policy } = deps;
  return async function register(ctx) {
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Pragma', 'no-cache');
    const metadata = parseClientMetadata(await readJsonBody(ctx), policy);
    const client = await registerClient(metadata);
    ctx.status = 201;
    ctx.body = {
      client_id: client.clientId,
      ...(client.issuedAt !== undefined && { client_id_issued_at: client.issuedAt }),
      // A secret that expires breaks clients that never look: 0 says it does not (RFC 7591 §3.2.1).
      ...(client.clientSecret !== undefined && { client_secret: client.clientSecret, client_secret_expires_at: 0 }),
      ...client.metadata,
    };
  };
}
