import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  type CustomFetch,
  clockTolerance,
  customFetch,
  None,
  PrivateKeyJwt,
  type ServerMetadata,
} from 'openid-client';
import { isLoopbackUrl, type Seconds } from '../../oauth/index.ts';
import type { TrustedFetch } from '../../platform/index.ts';

/** Who we are at a provider. */
export interface UpstreamClient {
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  /** The key of a client that authenticates by `private_key_jwt`. */
  readonly clientKey?: { readonly key: CryptoKey; readonly kid?: string } | undefined;
  /** Absent: `private_key_jwt` with a key, `client_secret_basic` with a secret, else `none`. */
  readonly clientAuthentication?: 'client_secret_basic' | 'client_secret_post' | 'none' | undefined;
}

/** The library's idea of a provider and us, over our fetch. */
export function configureClient(
  server: ServerMetadata,
  client: UpstreamClient,
  how: { readonly fetch: TrustedFetch; readonly clockTolerance: Seconds; readonly address: string },
): Configuration {
  const configuration = new Configuration(
    server,
    client.clientId,
    { [clockTolerance]: how.clockTolerance },
    authenticationOf(client),
  );
  configuration[customFetch] = asCustomFetch(how.fetch);
  // On this machine only, and the fetch holds it to that.
  if (isLoopbackUrl(how.address)) allowInsecureRequests(configuration);
  return configuration;
}

/** Our fetch as the library calls it. */
export function asCustomFetch(request: TrustedFetch): CustomFetch {
  return (url, { method, headers, body }) =>
    request(url, {
      method,
      headers,
      body: body instanceof URLSearchParams || typeof body === 'string' ? body : undefined,
    });
}

function authenticationOf({ clientSecret, clientKey, clientAuthentication }: UpstreamClient): ClientAuth {
  if (clientKey !== undefined) return PrivateKeyJwt(clientKey);
  if (clientSecret === undefined) return None();
  return clientAuthentication === 'client_secret_post'
    ? ClientSecretPost(clientSecret)
    : ClientSecretBasic(clientSecret);
}
