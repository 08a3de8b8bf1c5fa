import { createHash, randomUUID } from 'node:crypto';
import type {
  AccessToken,
  AuthorizationCode,
  OAuthAuthorizationServerProvider,
  RefreshToken,
} from '../../src/provider/index.ts';

interface Code extends AuthorizationCode {
  readonly value: string;
  readonly clientId: string;
}
interface Refresh extends RefreshToken {
  readonly value: string;
}
interface Access extends AccessToken {
  readonly value: string;
}

/**
 * Somebody else's provider: opaque tokens in maps, no keys, no store of ours, a person who always agrees. It stands for a
 * team that puts its own database behind the routes.
 */
export function createForeignProvider(issuer: string): OAuthAuthorizationServerProvider<Code, Refresh, Access> {
  const clients = new Map<string, Awaited<ReturnType<OAuthAuthorizationServerProvider['registerClient']>>>();
  const codes = new Map<string, Code>();
  const refreshTokens = new Map<string, Refresh>();
  const accessTokens = new Map<string, Access>();
  const now = () => Math.floor(performance.timeOrigin / 1000 + performance.now() / 1000);

  function mint(clientId: string, from: Pick<AuthorizationCode, 'resource' | 'subject'>, scope: readonly string[]) {
    const access: Access = {
      kind: 'access_token',
      value: randomUUID(),
      clientId,
      scope,
      resource: from.resource,
      subject: from.subject,
      expiresAt: now() + 300,
    };
    const refresh: Refresh = { ...access, kind: 'refresh_token', value: randomUUID(), expiresAt: now() + 3600 };
    accessTokens.set(access.value, access);
    refreshTokens.set(refresh.value, refresh);
    return {
      access_token: access.value,
      token_type: 'Bearer' as const,
      expires_in: 300,
      refresh_token: refresh.value,
      scope: scope.join(' '),
    };
  }

  return {
    getClient: async (clientId) => clients.get(clientId),
    async registerClient(metadata) {
      const clientId = randomUUID();
      const clientSecret = metadata.token_endpoint_auth_method === 'none' ? undefined : randomUUID();
      const client = {
        clientId,
        origin: 'registered' as const,
        redirectUris: metadata.redirect_uris,
        grantTypes: metadata.grant_types,
        authenticationMethod: metadata.token_endpoint_auth_method,
        metadata: { ...metadata },
        ...(clientSecret !== undefined && {
          clientSecret,
          secretHash: createHash('sha256').update(clientSecret).digest('base64url'),
        }),
      };
      clients.set(clientId, client);
      return client;
    },
    async authorize(client, request) {
      const code: Code = {
        value: randomUUID(),
        clientId: client.clientId,
        redirectUri: request.target.uri,
        codeChallenge: request.codeChallenge,
        scope: request.scope,
        resource: request.resource.resource,
        subject: 'somebody',
        expiresAt: now() + 60,
      };
      codes.set(code.value, code);
      const url = new URL(request.target.uri);
      url.searchParams.set('code', code.value);
      if (request.target.state !== undefined) url.searchParams.set('state', request.target.state);
      url.searchParams.set('iss', issuer);
      return url.href;
    },
    async loadAuthorizationCode(client, value) {
      const code = codes.get(value);
      return code?.clientId === client.clientId ? code : undefined;
    },
    async exchangeAuthorizationCode(client, code) {
      codes.delete(code.value);
      return mint(client.clientId, code, code.scope);
    },
    async loadRefreshToken(client, value) {
      const token = refreshTokens.get(value);
      return token?.clientId === client.clientId ? token : undefined;
    },
    async exchangeRefreshToken(client, token, scope) {
      refreshTokens.delete(token.value);
      return mint(client.clientId, token, scope);
    },
    loadAccessToken: async (value) => accessTokens.get(value),
    async revokeToken(token) {
      refreshTokens.delete(token.value);
      accessTokens.delete(token.value);
    },
  };
}
