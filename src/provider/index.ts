/**
 * provider: the port between the HTTP endpoints and whatever makes tokens, and `JwtProvider`, ours. Providers
 * of the MCP SDK v1 come in by an entry point of their own (`mcp-sdk-v1.ts`).
 *
 * May import: oauth, platform, keys, tokens, clients.
 */
export { createGrantRevocation } from './grant-revocation.ts';
export type { JwtAccessToken } from './jwt-access-token.ts';
export type { JwtAuthorizationCode } from './jwt-authorization-code.ts';
export type { JwtProvider, JwtProviderDeps, JwtProviderSettings } from './jwt-provider.ts';
export { createJwtProvider } from './jwt-provider.ts';
export type { JwtRefreshToken } from './jwt-refresh-token.ts';
export type { TokenExchangeRule } from './jwt-token-exchange.ts';
export type {
  AccessToken,
  AuthorizationCode,
  CodeRedemption,
  OAuthAuthorizationServerProvider,
  OAuthToken,
  Permitted,
  RefreshToken,
  RefreshTokenUse,
} from './provider.ts';
