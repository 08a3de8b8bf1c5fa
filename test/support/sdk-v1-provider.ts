import { randomUUID } from 'node:crypto';
import type { OAuthRegisteredClientsStore } from '@modelcontextprotocol/sdk/server/auth/clients.js';
import {
  InvalidGrantError,
  InvalidScopeError,
  InvalidTokenError,
} from '@modelcontextprotocol/sdk/server/auth/errors.js';
import type { AuthorizationParams, OAuthServerProvider } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
import type { OAuthClientInformationFull, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import type { Middleware } from 'koa';

interface Started {
  readonly clientId: string;
  readonly params: AuthorizationParams;
}

/**
 * The provider of a team that built on the MCP SDK v1: a sign-in page of its own, opaque tokens in maps, refresh tokens that
 * rotate, revocation. `signIn` is the route its page posts to.
 */
export function createTeamProvider(issuer: string) {
  const clients = new Map<string, OAuthClientInformationFull>();
  const pages = new Map<string, Started>();
  const codes = new Map<string, Started>();
  const access = new Map<string, AuthInfo>();
  const refresh = new Map<string, AuthInfo>();
  const now = () => Math.floor((performance.timeOrigin + performance.now()) / 1000);

  const clientsStore: OAuthRegisteredClientsStore = {
    getClient: (clientId) => clients.get(clientId),
    registerClient(client) {
      const information = client as OAuthClientInformationFull;
      clients.set(information.client_id, information);
      return information;
    },
  };

  function issue(clientId: string, scopes: string[], resource: URL | undefined): OAuthTokens {
    const about = { clientId, scopes, expiresAt: now() + 300, ...(resource !== undefined && { resource }) };
    const [access_token, refresh_token] = [randomUUID(), randomUUID()];
    access.set(access_token, { ...about, token: access_token, extra: { sub: 'carol' } });
    refresh.set(refresh_token, { ...about, token: refresh_token });
    return { access_token, refresh_token, token_type: 'bearer', expires_in: 300, scope: scopes.join(' ') };
  }

  const provider: OAuthServerProvider = {
    clientsStore,
    async authorize(client, params, res) {
      const page = randomUUID();
      pages.set(page, { clientId: client.client_id, params });
      res.cookie('page', page, { httpOnly: true, sameSite: 'lax' });
      res.status(200).send(`<!doctype html><title>Team</title><form method="post" action="/team/sign-in">
<input name="username"><input name="password" type="password"><button>Sign in</button></form>`);
    },
    async challengeForAuthorizationCode(client, code) {
      const started = codes.get(code);
      if (started?.clientId !== client.client_id) throw new InvalidGrantError(`no code ${code}`);
      return started.params.codeChallenge;
    },
    async exchangeAuthorizationCode(client, code, _verifier, redirectUri) {
      const started = codes.get(code);
      codes.delete(code);
      if (started === undefined) throw new InvalidGrantError('used');
      if (redirectUri !== undefined && redirectUri !== started.params.redirectUri) throw new InvalidGrantError('moved');
      return issue(client.client_id, started.params.scopes ?? [], started.params.resource);
    },
    async exchangeRefreshToken(client, token, scopes) {
      const known = refresh.get(token);
      if (known?.clientId !== client.client_id) throw new InvalidGrantError('unknown');
      if (scopes?.some((scope) => !known.scopes.includes(scope)) === true) throw new InvalidScopeError('more');
      refresh.delete(token);
      return issue(client.client_id, scopes ?? known.scopes, known.resource);
    },
    async verifyAccessToken(token) {
      const known = access.get(token);
      if (known === undefined) throw new InvalidTokenError('unknown');
      return known;
    },
    async revokeToken(client, { token }) {
      const known = refresh.get(token) ?? access.get(token);
      if (known?.clientId !== client.client_id) return;
      refresh.delete(token);
      for (const [value, { clientId }] of access) if (clientId === known.clientId) access.delete(value);
    },
  };

  const signIn: Middleware = async (ctx, next) => {
    if (ctx.path !== '/team/sign-in') return next();
    const started = pages.get(ctx.cookies.get('page') ?? '');
    if (started === undefined) return ctx.throw(400);
    const code = randomUUID();
    codes.set(code, started);
    const url = new URL(started.params.redirectUri);
    url.searchParams.set('code', code);
    if (started.params.state !== undefined) url.searchParams.set('state', started.params.state);
    url.searchParams.set('iss', issuer);
    ctx.redirect(url.href);
    return undefined;
  };

  return { provider, signIn, clients, codes };
}
