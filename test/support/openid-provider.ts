import type { JWK } from 'jose';
import { type Configuration, errors, Provider } from 'oidc-provider';
import { createForeignSigner } from './assertion.ts';
import { type Served, serve } from './serve.ts';

/** A real OpenID provider (`oidc-provider`) on a loopback port, with its own development pages for signing in. */
export interface OpenIdProvider extends AsyncDisposable {
  readonly issuer: string;
  readonly client: { readonly clientId: string; readonly clientSecret: string };
  /** An entry of `signIn.oidc` for it. */
  settings(changes?: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  /** What it says of a person beside `sub`, by the login typed at it. */
  readonly claims: Map<string, Readonly<Record<string, unknown>>>;
  /** Queries of the authorization requests it got. */
  readonly requests: URLSearchParams[];
  /** Answers everything with this status from now on; `undefined`: as usual. */
  outage: number | undefined;
}

/**
 * Starts one. Any login and any password is right at its sign-in page, whose login becomes `sub`; it asks for no consent.
 * `redirectUri` is where it may answer to, the callback of the server under test: a text, or asked for at every request.
 */
export async function startOpenIdProvider(options: {
  readonly redirectUri: string | (() => string);
  /** The public key of a client that authenticates by `private_key_jwt`, in place of its secret. */
  readonly clientKey?: JWK;
  /** Laid over the configuration of the provider. */
  readonly configuration?: Configuration;
}): Promise<OpenIdProvider> {
  const signer = await createForeignSigner('RS256');
  const client = { clientId: 'guardmint', clientSecret: 'a secret of the test, long enough' };
  const claims = new Map<string, Readonly<Record<string, unknown>>>();
  const requests: URLSearchParams[] = [];
  const redirectUri = () => (typeof options.redirectUri === 'string' ? options.redirectUri : options.redirectUri());
  let started: OpenIdProvider | undefined;

  const served: Served = await serve((origin) => {
    const provider = new Provider(origin, {
      clients: [
        {
          client_id: client.clientId,
          ...(options.clientKey === undefined
            ? { client_secret: client.clientSecret }
            : { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [options.clientKey] } }),
          redirect_uris: [REDIRECT_PLACEHOLDER],
          response_types: ['code'],
          grant_types: ['authorization_code'],
        },
      ],
      jwks: { keys: [{ ...signer.privateJwk, use: 'sig' }] },
      cookies: { keys: ['a key for the cookies of the test'] },
      claims: {
        openid: ['sub', 'amr', 'groups'],
        profile: ['name', 'preferred_username'],
        email: ['email', 'email_verified'],
      },
      // Claims of scopes stand in the ID token too, as they do at most providers.
      conformIdTokenClaims: false,
      findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...claims.get(sub) }) }),
      // Nobody is asked: whoever signs in agrees.
      async loadExistingGrant(ctx) {
        const { session, client: asking, provider: own } = ctx.oidc;
        if (session?.accountId === undefined || asking === undefined) return undefined;
        const grant = new own.Grant({ clientId: asking.clientId, accountId: session.accountId });
        grant.addOIDCScope('openid profile email');
        await grant.save();
        return grant;
      },
      ...options.configuration,
    });
    Object.assign(provider.Client.prototype, {
      redirectUriAllowed: (wanted: string) => wanted === redirectUri(),
    });
    provider.proxy = false;
    provider.on('server_error', (_ctx, error) => {
      if (!(error instanceof errors.OIDCProviderError)) throw error;
    });
    const own: OpenIdProvider = {
      issuer: origin,
      client,
      claims,
      requests,
      outage: undefined,
      settings: (changes = {}) => ({
        id: 'corp',
        label: 'Corp',
        issuer: origin,
        clientId: client.clientId,
        clientSecret: client.clientSecret,
        ...changes,
      }),
      [Symbol.asyncDispose]: async () => {},
    };
    started = own;
    const answer = provider.callback();
    return {
      callback: () => (request, response) => {
        const url = new URL(request.url ?? '/', origin);
        if (own.outage !== undefined) {
          response.writeHead(own.outage).end();
          return;
        }
        if (url.pathname === '/auth') requests.push(url.searchParams);
        void answer(request, response);
      },
    };
  });
  if (started === undefined) throw new Error('the provider was not made');
  return Object.assign(started, { [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() });
}

const REDIRECT_PLACEHOLDER = 'http://localhost/replaced-by-the-test';
