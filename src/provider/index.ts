/**
 * provider: the port between the HTTP endpoints and whatever makes tokens, and `JwtProvider`, ours.
 *
 * May import: oauth, platform, keys, tokens, clients.
 */
export type {
  JwtAccessToken,
  JwtAuthorizationCode,
  JwtProvider,
  JwtProviderDeps,
  JwtProviderSettings,
  JwtRefreshToken,
} from './jwt-provider.ts';
export { createJwtProvider } from './jwt-provider.ts';
export type {
  AccessToken,
  AuthorizationCode,
  OAuthAuthorizationServerProvider,
  OAuthToken,
  RefreshToken,
} from './provider.ts';
