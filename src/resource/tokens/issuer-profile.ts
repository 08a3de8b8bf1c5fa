import { type AccessTokenClaims, isAccessTokenClaims, isAccessTokenType, type JsonObject } from '../../oauth/index.ts';
import { type Soon, sha256 } from '../runtime/digest.ts';

/**
 * What the access tokens of an issuer look like, where they are not those of RFC 9068. A profile only reads: signature, issuer,
 * audience and times are checked as for any other token.
 */
export interface IssuerProfile {
  /** Whether an access token of the issuer may carry this `typ` in its header; `undefined` for none. */
  isAccessTokenType(typ: unknown): boolean;
  /**
   * The claims of a token by the names of RFC 9068 (`client_id`, `scope`, `roles`), beside those it has; `undefined` for what is
   * no access token: above all for ID tokens, which issuers sign with the same keys.
   */
  readClaims(claims: JsonObject): JsonObject | undefined;
}

/** The tokens of RFC 9068: `typ at+jwt` and claims as they are. */
export const RFC_9068: IssuerProfile = { isAccessTokenType, readClaims: (claims) => claims };

/**
 * The claims of a token whose signature holds; `undefined` when it is no access token of the profile. A token of another profile
 * that has no `jti` is named by SHA-256 of its signed text: that is the same for every spelling and every replica. What such
 * tokens call `gid` is no grant of guardmint's.
 */
export function readAccessTokenClaims(
  profile: IssuerProfile,
  payload: JsonObject,
  signedText: string,
): Soon<AccessTokenClaims | undefined> {
  if (profile === RFC_9068) return isAccessTokenClaims(payload) ? payload : undefined;
  const read = profile.readClaims(payload);
  if (read === undefined) return undefined;
  const { gid, ...claims } = read;
  const named = (jti: unknown): AccessTokenClaims | undefined => {
    const complete: JsonObject = { ...claims, jti };
    return isAccessTokenClaims(complete) ? complete : undefined;
  };
  if (claims['jti'] !== undefined) return named(claims['jti']);
  const digest = sha256(signedText);
  return typeof digest === 'string' ? named(digest) : digest.then(named);
}
