import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildAuthorizationUrlWithPAR,
  ClientError,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  dynamicClientRegistration,
  None,
  ResponseBodyError,
  randomPKCECodeVerifier,
  randomState,
  type ServerMetadata,
  tokenRevocation,
} from 'openid-client';
import { isLoopbackUrl } from '../oauth/index.ts';
import { CommandError, EXIT } from './failure.ts';
import { visible } from './output.ts';

/** A public client that can ask one issuer for tokens. */
export interface LoginClient {
  readonly clientId: string;
  readonly metadata: Readonly<ServerMetadata>;
  /** A new authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3), pushed where it has to be (RFC 9126). @throws CommandError */
  begin(): Promise<LoginRequest>;
  /** Ends a grant (RFC 7009). Whether the issuer took it; `false` where it has no such endpoint. */
  revoke(token: string): Promise<boolean>;
}

export interface LoginRequest {
  readonly url: string;
  readonly state: string;
  /**
   * Redeems the code of an answer; `undefined` when it was used or has expired, and a new request may do better.
   * @throws CommandError
   */
  redeem(answer: URLSearchParams): Promise<LoginTokens | undefined>;
}

/** What of a token response (RFC 6749 §5.1) matters here. */
export interface LoginTokens {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly scope: string | undefined;
  /** Seconds. */
  readonly expiresIn: number | undefined;
}

const ANSWER_TIMEOUT = 10;
/** What tokens are made of (RFC 6749 §A.12, §A.17): they are written to terminals. */
const VISIBLE = /^[\x20-\x7e]*$/;

/**
 * Reads the issuer's metadata (RFC 8414) and registers (RFC 7591), unless a client_id is given.
 * @throws CommandError when the issuer cannot be reached, or cannot do what is needed
 */
export async function createLoginClient(options: {
  readonly issuer: string;
  readonly clientId: string | undefined;
  readonly redirectUri: string;
  readonly resource: string;
  readonly scope: string | undefined;
}): Promise<LoginClient> {
  const { issuer, clientId, redirectUri, resource, scope } = options;
  const configuration = await openIssuer(issuer, clientId, redirectUri);
  const metadata = configuration.serverMetadata();
  const registered = configuration.clientMetadata().client_id;

  async function begin(): Promise<LoginRequest> {
    const verifier = randomPKCECodeVerifier();
    const state = randomState();
    const parameters = {
      redirect_uri: redirectUri,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      resource,
      ...(scope !== undefined && { scope }),
    };
    const url =
      metadata.require_pushed_authorization_requests === true
        ? await buildAuthorizationUrlWithPAR(configuration, parameters).catch((error: unknown) => {
            throw fault(error, `${issuer} does not take the request`);
          })
        : buildAuthorizationUrl(configuration, parameters);

    async function redeem(answer: URLSearchParams): Promise<LoginTokens | undefined> {
      const current = new URL(`${redirectUri}?${answer}`);
      const checks = { pkceCodeVerifier: verifier, expectedState: state };
      try {
        const response = await authorizationCodeGrant(configuration, current, checks, { resource });
        if (![response.access_token, response.refresh_token ?? ''].every((token) => VISIBLE.test(token)))
          throw new Error('the token has characters that none may have');
        return {
          accessToken: response.access_token,
          refreshToken: response.refresh_token,
          scope: response.scope,
          expiresIn: response.expires_in,
        };
      } catch (error) {
        if (error instanceof ResponseBodyError && error.error === 'invalid_grant') return undefined;
        throw fault(error, `${issuer} gave no token`);
      }
    }
    return { url: url.href, state, redeem };
  }

  return {
    clientId: registered,
    metadata,
    begin,
    async revoke(token) {
      if (metadata.revocation_endpoint === undefined) return false;
      return tokenRevocation(configuration, token).then(
        () => true,
        () => false,
      );
    },
  };
}

async function openIssuer(issuer: string, clientId: string | undefined, redirectUri: string): Promise<Configuration> {
  const url = URL.parse(issuer);
  if (url === null || (url.protocol !== 'https:' && !isLoopbackUrl(issuer)))
    throw new CommandError('The issuer is an https URL, or http on this machine.', EXIT.usage);
  const options = {
    algorithm: 'oauth2' as const,
    timeout: ANSWER_TIMEOUT,
    execute: url.protocol === 'http:' ? [allowInsecureRequests] : [],
  };
  const found = await discovery(url, clientId ?? 'unregistered', undefined, None(), options).catch((error: unknown) => {
    throw fault(error, `${issuer} does not say how to sign in`);
  });
  const metadata = found.serverMetadata();
  // The library compares URLs; the issuer is compared as text (RFC 8414 §3.3).
  if (metadata.issuer !== issuer)
    throw new CommandError(
      `${issuer} calls itself ${visible(metadata.issuer)}. Name it as it names itself, with --issuer.`,
    );
  if (!metadata.supportsPKCE()) throw new CommandError(`${issuer} does not offer PKCE with S256.`);
  if (clientId !== undefined) return found;
  if (metadata.registration_endpoint === undefined)
    throw new CommandError(`${issuer} lets nobody register. Name a public client of it with --client-id.`);
  const client = {
    client_name: 'guardmint login',
    redirect_uris: [redirectUri],
    token_endpoint_auth_method: 'none',
    // No refresh token: nobody would be there to keep it.
    grant_types: ['authorization_code'],
    response_types: ['code'],
    application_type: 'native' as const,
  };
  return dynamicClientRegistration(url, client, None(), options).catch((error: unknown) => {
    throw fault(error, `${issuer} does not register this client; --client-id names one it knows`);
  });
}

/** What went wrong between here and the issuer, with what the issuer or the network said of it. */
function fault(error: unknown, what: string): CommandError {
  return new CommandError(visible(`${what}: ${reasonOf(error)}.`));
}

function reasonOf(error: unknown): string {
  if (error instanceof ResponseBodyError)
    return `${error.error}${error.error_description === undefined ? '' : `, ${error.error_description.replace(/\.$/, '')}`}`;
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (error instanceof ClientError && error.code === 'OAUTH_TIMEOUT') return `no answer within ${ANSWER_TIMEOUT} s`;
  if (cause instanceof Response) return `${error.message} (${cause.status})`;
  if (cause instanceof Error && 'code' in cause) return `it cannot be reached (${String(cause.code)})`;
  return error.message;
}
