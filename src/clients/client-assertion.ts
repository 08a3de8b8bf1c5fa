import { CLOCK_SKEW } from '../keys/index.ts';
import { type EpochSeconds, reject, type Seconds } from '../oauth/index.ts';
import { type Clock, sha256 } from '../platform/index.ts';
import { assertionMarker, type ConsumeOnce, type UnverifiedAssertion, verifyAssertion } from './assertion.ts';
import type { Client } from './client.ts';
import { isAssertionAlgorithm } from './foreign-key.ts';
import { createInlineJwkSet, type JwkSet } from './jwk-set.ts';
import type { RemoteJwkSets } from './remote-jwk-set.ts';

/** The only `client_assertion_type` (RFC 7523 §2.2). */
export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Proves clients by what they signed with their keys: `private_key_jwt` (RFC 7523 §2.2). */
export interface ClientAssertions {
  /**
   * Verifies that the client signed the assertion for us, now, and spends it. Resolves for the first use only.
   * @throws OAuthError `client_assertion_invalid`, `client_assertion_replayed`.
   * @throws UnavailableError when its keys cannot be had, or the store cannot say whether it was used.
   */
  verify(assertion: UnverifiedAssertion, client: Client): Promise<void>;
}

/** The spellings of the two drafts (rfc7523bis, Client ID Metadata Document), the general one, and none. */
const TYPES = [undefined, 'jwt', 'client-authentication+jwt', 'oauth-client-auth+jwt'];
/** How long an assertion may be valid: as long as it is remembered. */
const MAX_LIFETIME: Seconds = 300;
const NO_KEYS: JwkSet = { find: async () => [] };

/**
 * Client assertions for one issuer, which is their only audience: the token endpoint's URL is refused, as an assertion for
 * it could be had from a client by a hostile server (draft-ietf-oauth-rfc7523bis-11). An array with that one audience says
 * the same and is accepted.
 */
export function createClientAssertions(deps: {
  issuer: string;
  clock: Clock;
  consumeOnce: ConsumeOnce;
  /** Absent: keys at a `jwks_uri` are no keys. */
  jwkSets?: RemoteJwkSets;
  /** Of clients that registered themselves, so that strangers cannot use up the fetches of others; absent: `jwkSets`. */
  registeredJwkSets?: RemoteJwkSets;
}): ClientAssertions {
  const { issuer, clock, consumeOnce, jwkSets, registeredJwkSets = jwkSets } = deps;

  function keysOf({ jwks, jwksUri, origin }: Client): JwkSet {
    if (jwks !== undefined) return createInlineJwkSet(jwks);
    const sets = origin === 'registered' ? registeredJwkSets : jwkSets;
    return (jwksUri === undefined ? undefined : sets?.at(jwksUri)) ?? NO_KEYS;
  }

  return {
    async verify(assertion, client) {
      const { signingAlgorithm } = client;
      const now: EpochSeconds = clock();
      const verified = await verifyAssertion(
        assertion,
        {
          types: TYPES,
          issuer: client.clientId,
          audience: [issuer],
          allowAudienceArray: true,
          required: ['sub', 'jti'],
          maxLifetime: MAX_LIFETIME,
        },
        {
          keys: keysOf(client),
          now,
          clockTolerance: CLOCK_SKEW,
          ...(isAssertionAlgorithm(signingAlgorithm) && { algorithms: [signingAlgorithm] }),
        },
      );
      const clientHash = sha256(client.clientId);
      if (typeof verified === 'string') throw reject('client_assertion_invalid', { fault: verified, clientHash });
      if ((await consumeOnce(assertionMarker(verified, CLOCK_SKEW))) !== 'first')
        throw reject('client_assertion_replayed', { clientHash });
    },
  };
}
