/**
 * guardmint/provider/mcp-sdk-v1: puts an `OAuthServerProvider` of the MCP SDK v1 behind `createAuthRoutes`. The SDK's own
 * server endpoints are frozen; the provider, its clients and its tokens go on as they are. `express` is an optional peer,
 * which the SDK v1 brings along.
 */
import type { OAuthServerProvider } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import type { OAuthClientInformationFull } from '@modelcontextprotocol/sdk/shared/auth.js';
import type { Middleware } from 'koa';
import type { Client } from '../clients/index.ts';
import { reject } from '../oauth/index.ts';
import { type Clock, type Random, sha256, systemClock, systemRandom } from '../platform/index.ts';
import type { AccessToken, AuthorizationCode, OAuthAuthorizationServerProvider, RefreshToken } from './provider.ts';
import { createBrowserAnswers } from './sdk-v1/browser-answers.ts';
import { clientOf, newClientInformation, registeredClientOf } from './sdk-v1/client-information.ts';
import { withIssuer } from './sdk-v1/issuer.ts';
import { errorCodeOf, refusalOf } from './sdk-v1/refusal.ts';
import { resourceUrl, scopesOrNone, tokenResponseOf } from './sdk-v1/token-response.ts';

/** A code that the SDK's provider made: what came with it, for the provider to check. */
export interface SdkAuthorizationCode extends AuthorizationCode {
  readonly code: string;
  readonly codeVerifier: string;
  readonly presentedRedirectUri: string | undefined;
}
/** A refresh token nobody has looked at yet: the SDK's provider first sees it when it is exchanged. */
export interface SdkRefreshToken extends RefreshToken {
  readonly token: string;
}
/** An access token that the SDK's provider verified. */
export interface SdkAccessToken extends AccessToken {
  readonly token: string;
}

/** How a provider of the SDK is to be used. */
export interface McpSdkV1Options {
  /** The issuer identifier, as `createAuthRoutes` has it. */
  readonly issuerUrl: string;
  /**
   * Which errors that are not OAuth errors of the SDK mean a bad code or token. Absent: none does. They are faults, answered
   * 500, as the SDK answers them; nobody can tell a bad token from a database that is away.
   */
  readonly isRefusal?: (error: unknown) => boolean;
  /**
   * Whether every answer that reaches a client carries `iss` (RFC 9207). Redirects of `authorize` to the client get it by
   * themselves; pages and servers that answer later must add it. `false` takes the promise out of the metadata.
   */
  readonly namesIssuer?: boolean;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** The provider, and what else the routes need. */
export interface McpSdkV1Provider
  extends OAuthAuthorizationServerProvider<SdkAuthorizationCode, SdkRefreshToken, SdkAccessToken> {
  /** To be used before the routes: sends the pages and cookies that `authorize` writes. Not needed where it only redirects. */
  readonly middleware: Middleware;
  /** Registration and revocation, on where the provider has them: to be spread into the options of `createAuthRoutes`. */
  readonly routeOptions: {
    readonly clientRegistrationOptions: { readonly enabled: boolean };
    readonly revocationOptions: { readonly enabled: boolean };
  };
}

/**
 * The provider of an MCP SDK v1 application as the routes use providers.
 *
 * @example
 * ```ts
 * const provider = fromMcpSdkV1(sdkProvider, { issuerUrl });
 * app.use(provider.middleware);
 * app.use(createAuthRoutes({ provider, issuerUrl, ...provider.routeOptions }).routes());
 * ```
 */
export function fromMcpSdkV1(sdk: OAuthServerProvider, options: McpSdkV1Options): McpSdkV1Provider {
  const { issuerUrl, isRefusal, clock = systemClock, random = systemRandom } = options;
  const answers = createBrowserAnswers();

  async function findInformation(clientId: string): Promise<OAuthClientInformationFull | undefined> {
    return guarded('client_unknown', async () => sdk.clientsStore.getClient(clientId));
  }

  /** What the SDK knows of a client that the endpoints have found already. */
  async function informationOf({ clientId }: Pick<Client, 'clientId'>): Promise<OAuthClientInformationFull> {
    const information = await findInformation(clientId);
    if (information === undefined) throw reject('client_unknown');
    return information;
  }

  async function guarded<T>(invalidGrant: Parameters<typeof refusalOf>[1], work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw refusalOf(error, invalidGrant, isRefusal);
    }
  }

  return {
    ...(options.namesIssuer !== undefined && { namesIssuer: options.namesIssuer }),
    routeOptions: {
      clientRegistrationOptions: { enabled: sdk.clientsStore.registerClient !== undefined },
      revocationOptions: { enabled: sdk.revokeToken !== undefined },
    },

    middleware: answers.middleware,

    async getClient(clientId) {
      const information = await findInformation(clientId);
      return information === undefined ? undefined : clientOf(information, clock());
    },

    async registerClient(metadata) {
      const { clientsStore } = sdk;
      const information = newClientInformation(metadata, { clock, random });
      const registered = await guarded('registration_metadata_invalid', async () =>
        clientsStore.registerClient?.(information),
      );
      if (registered === undefined) throw new Error('the clients store of the MCP SDK provider has no registerClient');
      return registeredClientOf(registered, clock());
    },

    async authorize(client, request) {
      const information = await informationOf(client);
      const answer = await answers.write((response) =>
        guarded('provider_refused', () =>
          sdk.authorize(
            information,
            {
              ...(request.target.state !== undefined && { state: request.target.state }),
              scopes: [...request.scope],
              codeChallenge: request.codeChallenge,
              redirectUri: request.target.uri,
              resource: new URL(request.resource.resource),
            },
            response,
          ),
        ),
      );
      return answer === undefined ? '' : withIssuer(answer, request.target.uri, issuerUrl);
    },

    async loadAuthorizationCode(client, code, redemption) {
      if (redemption === undefined) return undefined;
      const { codeVerifier, redirectUri, resource } = redemption;
      const codeChallenge =
        sdk.skipLocalPkceValidation === true
          ? sha256(codeVerifier)
          : await guarded('code_unknown', async () =>
              sdk.challengeForAuthorizationCode(await informationOf(client), code),
            );
      return {
        code,
        codeVerifier,
        codeChallenge,
        // What the provider compares itself, when it exchanges the code, is taken as it came.
        redirectUri: redirectUri ?? '',
        presentedRedirectUri: redirectUri,
        resource: resource ?? '',
        scope: [],
        subject: '',
        expiresAt: Number.POSITIVE_INFINITY,
      };
    },

    async exchangeAuthorizationCode(client, { code, codeVerifier, presentedRedirectUri, resource }) {
      const verifier = sdk.skipLocalPkceValidation === true ? codeVerifier : undefined;
      const tokens = await guarded('code_unknown', async () =>
        sdk.exchangeAuthorizationCode(
          await informationOf(client),
          code,
          verifier,
          presentedRedirectUri,
          resourceUrl(resource),
        ),
      );
      return tokenResponseOf(tokens);
    },

    async loadRefreshToken(client, token, use) {
      if (use === undefined) return undefined;
      const { scope = [], resource = '' } = use;
      return { kind: 'refresh_token', token, clientId: client.clientId, scope, resource, subject: '' };
    },

    async exchangeRefreshToken(client, { token, resource }, scope) {
      const tokens = await guarded('refresh_token_unknown', async () =>
        sdk.exchangeRefreshToken(await informationOf(client), token, scopesOrNone(scope), resourceUrl(resource)),
      );
      return tokenResponseOf(tokens);
    },

    async loadAccessToken(token) {
      try {
        const { clientId, scopes, expiresAt, resource, extra } = await sdk.verifyAccessToken(token);
        if (expiresAt === undefined) return undefined;
        const subject = typeof extra?.['sub'] === 'string' ? extra['sub'] : clientId;
        return {
          kind: 'access_token',
          token,
          clientId,
          scope: scopes,
          resource: resource?.href ?? '',
          subject,
          expiresAt,
        };
      } catch (error) {
        if (errorCodeOf(error) === 'invalid_token' || isRefusal?.(error) === true) return undefined;
        throw refusalOf(error, 'provider_refused');
      }
    },

    async revokeToken({ kind, clientId, token }) {
      const request = { token, ...(kind === 'access_token' && { token_type_hint: kind }) };
      await guarded('provider_refused', async () => sdk.revokeToken?.(await informationOf({ clientId }), request));
    },
  };
}
