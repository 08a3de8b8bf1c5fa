import type { Context, Middleware } from 'koa';
import {
  type ClientMetadata,
  parseClientMetadata,
  type RegisteredClient,
  type RegistrationPolicy,
} from '../clients/index.ts';
import { type JsonObject, reject } from '../oauth/index.ts';
import { isEqualSecret, sha256 } from '../platform/index.ts';
import type { OAuthAuthorizationServerProvider } from '../provider/index.ts';
import { readJsonBody } from './body.ts';

/** What the answer to a registration needs to know of where it can be managed. */
type RegistrationAnswer = (client: RegisteredClient) => JsonObject;

/** POST /register (RFC 7591 §3): 201 with the client_id and everything that was registered. */
export function registerEndpoint(deps: {
  registerClient: (metadata: ClientMetadata) => Promise<RegisteredClient>;
  policy: RegistrationPolicy;
  answer: RegistrationAnswer;
  /** SHA-256 of the initial access tokens, one of which must be shown (RFC 7591 §3); absent: everybody may register. */
  initialAccessTokenHashes?: readonly string[] | undefined;
}): Middleware {
  const { registerClient, policy, answer, initialAccessTokenHashes } = deps;
  return async function register(ctx) {
    setUncacheable(ctx);
    if (initialAccessTokenHashes !== undefined) requireInitialAccessToken(ctx, initialAccessTokenHashes);
    const metadata = parseClientMetadata(await readJsonBody(ctx), policy);
    const client = await registerClient(metadata);
    ctx.status = 201;
    ctx.body = answer(client);
  };
}

/**
 * GET and DELETE of the client configuration endpoint (RFC 7592 §2), which is `/register?client_id=…`. There is no PUT: the
 * metadata is inside the client_id, so other metadata are another registration.
 */
export function clientConfigurationEndpoint(deps: {
  provider: Required<Pick<OAuthAuthorizationServerProvider, 'loadRegistration' | 'deleteClient'>>;
  answer: RegistrationAnswer;
}): { readonly get: Middleware; readonly delete: Middleware } {
  const { provider, answer } = deps;

  async function load(ctx: Context): Promise<RegisteredClient> {
    setUncacheable(ctx);
    const clientId = new URLSearchParams(ctx.querystring).getAll('client_id');
    const presented = bearerToken(ctx);
    const [only, ...others] = clientId;
    if (only === undefined || others.length > 0 || presented === undefined)
      throw reject('registration_access_token_invalid');
    const registration = await provider.loadRegistration(only, presented);
    if (registration === undefined) throw reject('registration_access_token_invalid', { clientHash: sha256(only) });
    return registration;
  }

  return {
    get: async (ctx) => {
      ctx.body = answer(await load(ctx));
    },
    delete: async (ctx) => {
      await provider.deleteClient(await load(ctx));
      ctx.status = 204;
    },
  };
}

/** The body of a client information response (RFC 7591 §3.2.1, RFC 7592 §3). `managedAt`: where clients are managed. */
export function registrationAnswer(managedAt: string | undefined): RegistrationAnswer {
  return (client) => ({
    client_id: client.clientId,
    ...(client.issuedAt !== undefined && { client_id_issued_at: client.issuedAt }),
    // A secret that expires breaks clients that never look: 0 says it does not (RFC 7591 §3.2.1).
    ...(client.clientSecret !== undefined && { client_secret: client.clientSecret, client_secret_expires_at: 0 }),
    ...(managedAt !== undefined &&
      client.registrationAccessToken !== undefined && {
        registration_access_token: client.registrationAccessToken,
        registration_client_uri: `${managedAt}?client_id=${encodeURIComponent(client.clientId)}`,
      }),
    ...client.metadata,
  });
}

function requireInitialAccessToken(ctx: Context, hashes: readonly string[]): void {
  const presented = bearerToken(ctx);
  const hash = presented === undefined ? undefined : sha256(presented);
  if (hash === undefined || !hashes.some((known) => isEqualSecret(known, hash)))
    throw reject('initial_access_token_invalid');
}

function bearerToken(ctx: Context): string | undefined {
  return /^bearer +([\w.~+/-]+=*)$/i.exec(ctx.req.headers.authorization ?? '')?.[1];
}

function setUncacheable(ctx: Context): void {
  ctx.set('Cache-Control', 'no-store');
  ctx.set('Pragma', 'no-cache');
}
