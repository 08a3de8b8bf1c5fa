import { type EpochSeconds, parseJsonObject, UnavailableError, wellKnownPath } from '../oauth/index.ts';
import type { Clock, GuardedFetch } from '../platform/index.ts';
import { createBackOff } from './document-back-off.ts';
import type { JwkSet } from './jwk-set.ts';
import type { RemoteJwkSets } from './remote-jwk-set.ts';

const MAX_BYTES = 64 * 1_024;
const KEPT_FOR = 3_600;

/**
 * The keys of an issuer whose metadata says where they are: OpenID Connect Discovery §4, which Kubernetes and SPIFFE serve,
 * then RFC 8414 §3. The metadata must name the issuer it was asked for, and is asked again after an hour; while that fails
 * the address it gave last stands.
 */
export function createDiscoveredJwkSet(deps: {
  issuer: string;
  fetch: GuardedFetch;
  sets: RemoteJwkSets;
  clock: Clock;
}): JwkSet {
  const { issuer, fetch, sets, clock } = deps;
  const backOff = createBackOff({ clock, free: 3, maxNames: 1 });
  let known: { readonly jwksUri: string; readonly freshUntil: EpochSeconds } | undefined;
  let underWay: Promise<string> | undefined;

  async function discover(): Promise<string> {
    if (known !== undefined && clock() < known.freshUntil) return known.jwksUri;
    underWay ??= ask().finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  async function ask(): Promise<string> {
    const pause = backOff.wait(issuer);
    for (const url of pause > 0 ? [] : metadataUrls(issuer)) {
      const jwksUri = await jwksUriAt(url);
      if (jwksUri === undefined) continue;
      backOff.succeeded(issuer);
      known = { jwksUri, freshUntil: clock() + KEPT_FOR };
      return jwksUri;
    }
    if (pause === 0) backOff.failed(issuer);
    if (known !== undefined) return known.jwksUri;
    throw new UnavailableError('metadata of another issuer', { retryAfter: Math.max(5, backOff.wait(issuer)) });
  }

  async function jwksUriAt(url: string): Promise<string | undefined> {
    const answer = await fetch(url, { maxBytes: MAX_BYTES, headers: { accept: 'application/json' } }).catch(
      () => undefined,
    );
    const metadata = answer?.status === 200 ? parseJsonObject(answer.text) : undefined;
    if (metadata?.['issuer'] !== issuer) return undefined;
    const { jwks_uri: jwksUri } = metadata;
    return typeof jwksUri === 'string' && jwksUri.length <= 2_048 ? jwksUri : undefined;
  }

  return { find: async (header) => sets.at(await discover()).find(header) };
}

function metadataUrls(issuer: string): readonly string[] {
  const base = issuer.replace(/\/$/, '');
  return [
    `${base}/.well-known/openid-configuration`,
    `${new URL(issuer).origin}${wellKnownPath('oauth-authorization-server', base)}`,
  ];
}
