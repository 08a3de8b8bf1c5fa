import type { Middleware } from 'koa';
import { type Client, type ClientAuthentication, isConfidential } from '../clients/index.ts';
import { type JsonObject, OAuthError, reject } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';
import type { AccessToken, OAuthAuthorizationServerProvider, RefreshToken } from '../provider/index.ts';
import { readFormBody } from './body.ts';

/** Token introspection (RFC 7662): offered when these options are given. */
export interface IntrospectionOptions {
  /** Whether a client is a server of this resource, and so may ask about its access tokens. */
  readonly servesResource: (client: Client, resource: string) => boolean;
  /** Signs answers for whoever asks for a JWT (RFC 9701); absent: answers are JSON only. */
  readonly signing?: {
    readonly algorithms: readonly string[];
    /** @throws UnavailableError when no key can sign. */
    readonly sign: (claims: JsonObject) => Promise<string>;
  };
}

const JWT = 'application/token-introspection+jwt';

/**
 * POST /introspect (RFC 7662 §2): tells clients that keep a credential whether a token is good. A server of a resource hears
 * of access tokens for that resource, a client of its own tokens; any other token, of whatever kind, is `active: false` and
 * nothing more. Whoever cannot know answers 503, never `active: false`.
 */
export function introspectEndpoint<Refresh extends RefreshToken, Access extends AccessToken>(deps: {
  provider: Pick<
    OAuthAuthorizationServerProvider<never, Refresh, Access>,
    'getClient' | 'loadAccessToken' | 'loadRefreshToken' | 'isRefreshTokenLive'
  >;
  authenticate: ClientAuthentication;
  issuer: string;
  clock: Clock;
  options: IntrospectionOptions;
}): Middleware {
  const { provider, authenticate, issuer, clock, options } = deps;

  async function describeAccess(client: Client, presented: string): Promise<JsonObject | undefined> {
    const token = await provider.loadAccessToken(presented);
    if (token === undefined || token.expiresAt <= clock()) return undefined;
    if (token.clientId !== client.clientId && !options.servesResource(client, token.resource)) return undefined;
    return {
      ...describe(token, issuer),
      ...token.claims,
      token_type: token.claims?.['cnf'] === undefined ? 'Bearer' : 'DPoP',
    };
  }

  async function describeRefresh(client: Client, presented: string): Promise<JsonObject | undefined> {
    const token = await provider.loadRefreshToken(client, presented).catch(absentWhenRefused);
    if (token === undefined || token.clientId !== client.clientId) return undefined;
    if (token.expiresAt !== undefined && token.expiresAt <= clock()) return undefined;
    if ((await provider.isRefreshTokenLive?.(token)) === false) return undefined;
    return describe(token, issuer);
  }

  return async function introspect(ctx) {
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Pragma', 'no-cache');
    const form = await readFormBody(ctx);
    const presented = form.get('token');
    const client = await authenticate({ form, authorization: ctx.req.headers.authorization }, (clientId) =>
      provider.getClient(clientId, presented ?? ''),
    );
    if (!isConfidential(client)) throw reject('client_credentials_missing');
    if (presented === undefined) throw reject('parameter_missing', { parameter: 'token' });

    const description =
      form.get('token_type_hint') === 'refresh_token'
        ? ((await describeRefresh(client, presented)) ?? (await describeAccess(client, presented)))
        : ((await describeAccess(client, presented)) ?? (await describeRefresh(client, presented)));
    const answer: JsonObject = description === undefined ? { active: false } : { active: true, ...description };
    const { signing } = options;
    ctx.vary('Accept');
    if (signing === undefined || ctx.accepts('application/json', JWT) !== JWT) {
      ctx.body = answer;
      return;
    }
    const claims = { iss: issuer, aud: client.clientId, iat: clock(), token_introspection: answer };
    ctx.body = await signing.sign(claims);
    ctx.type = JWT;
  };
}

function describe(token: AccessToken | RefreshToken, issuer: string): JsonObject {
  return {
    iss: issuer,
    sub: token.subject,
    aud: token.resource,
    client_id: token.clientId,
    ...(token.scope.length > 0 && { scope: token.scope.join(' ') }),
    ...(token.expiresAt !== undefined && { exp: token.expiresAt }),
    ...(token.kind === 'refresh_token' && token.sender !== undefined && { cnf: { jkt: token.sender.jkt } }),
  };
}

function absentWhenRefused(thrown: unknown): undefined {
  if (thrown instanceof OAuthError) return undefined;
  throw thrown;
}
