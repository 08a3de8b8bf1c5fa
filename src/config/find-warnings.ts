import { isLoopbackHost, isLoopbackUrl } from '../oauth/index.ts';
import type { Settings } from './settings.ts';

const ISSUER_OF_EVERYBODY = /^https:\/\/login\.microsoftonline\.com\/(?:common|organizations|consumers)\//;
const GOOGLE = 'https://accounts.google.com';

/** What works and is probably not meant. */
export function findWarnings(settings: Omit<Settings, 'refresh'> & { issuer: string }): string[] {
  const { issuer, host, resources, trustProxy, rateLimits, keys, keysSecret, dangerouslyKeepKeysInClear } = settings;
  const { registration } = settings;
  const warnings: string[] = [];
  if (resources.length === 0)
    warnings.push('resources: none are configured, so tokens are issued for any resource on this machine and no other');
  if (!isLoopbackAddress(host) && isLoopbackUrl(issuer))
    warnings.push(`issuer: ${issuer} means each caller's own machine, although the server listens on ${host}`);
  if (issuer.startsWith('https:') && trustProxy === 0)
    warnings.push(
      'trustProxy: an https issuer needs a proxy in front, and while none is trusted all callers count as one address',
    );
  if (keysSecret === undefined && (isLoopbackUrl(issuer) || dangerouslyKeepKeysInClear))
    warnings.push(
      'keysSecret: none is set, so private keys lie in clear; whoever reads the keys folder can issue tokens',
    );
  if (registration.enabled && registration.management && registration.initialAccessTokenHashes === undefined)
    warnings.push(
      'registration.management: everybody may register, so everybody can fill the denylist with deleted registrations',
    );
  for (const backend of [keys.backend, ...keys.formerBackends]) {
    if (backend.kind === 'vault-transit' && backend.address.startsWith('http:') && !isLoopbackUrl(backend.address))
      warnings.push(`keys: ${backend.address} is plain http, so the token of Vault can be read on the way`);
  }
  for (const { issuer: upstream, allowedDomains, domainClaim } of settings.signIn.oidc) {
    if (ISSUER_OF_EVERYBODY.test(upstream))
      warnings.push(`signIn: ${upstream} vouches for the people of every organisation; name the tenant in the issuer`);
    if (upstream === GOOGLE && allowedDomains !== undefined && domainClaim === undefined)
      warnings.push('signIn: for Google only the claim hd says which organisation an account is of; set domainClaim');
  }
  if (!rateLimits.enabled) warnings.push('rateLimits: are off, so passwords can be guessed without limit');
  for (const { resource, scopes = {} } of resources) {
    if (resource.startsWith('http:') && !isLoopbackUrl(resource))
      warnings.push(`resources: ${resource} is plain http, so its tokens can be read on the way`);
    // MCP 2026-07-28: a resource should not advertise what only concerns the authorization server.
    if (Object.hasOwn(scopes, 'offline_access'))
      warnings.push(`resources: offline_access is not a scope of ${resource}; every client may ask for it anyway`);
  }
  return warnings;
}

function isLoopbackAddress(host: string): boolean {
  return isLoopbackHost(host) || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
