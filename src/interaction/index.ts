/**
 * interaction: what the browser sees: sign-in, consent, sign-out, and the pages for what went wrong. It begins with a checked
 * authorization request and ends in a code or a refusal. Also who may sign in: the port, the users in a file, and those of other
 * providers (`upstream/`).
 *
 * May import: oauth, platform, tokens, clients.
 */
export type { PersonalGrants } from './apps.ts';
export type { Branding, BrandingFault, BrandingSource } from './branding.ts';
export { createBranding, findBrandingFaults } from './branding.ts';
export type { FaultPageRequest, PageAnswer } from './fault-page.ts';
export { renderErrorPage } from './fault-page.ts';
export type { Interaction, InteractionLifetimes, InteractionSettings } from './interaction.ts';
export { createInteraction, DEFAULT_INTERACTION_LIFETIMES } from './interaction.ts';
export type { ListedUser, LocalUsers, UserChangeFault } from './local-users.ts';
export { createLocalUsers, UserChangeError } from './local-users.ts';
export type { PageSettings } from './pages/render.ts';
export type { AttemptLimit, CreateLimiter } from './throttle.ts';
export type { OAuthProviderSettings } from './upstream/oauth-provider.ts';
export { createOAuthProvider } from './upstream/oauth-provider.ts';
export type { OpenIdSettings } from './upstream/openid-provider.ts';
export { createOpenIdProvider } from './upstream/openid-provider.ts';
export type { UpstreamProvider } from './upstream/upstream-provider.ts';
export type { User, UserDirectory } from './users.ts';
