import { type AccessTokenClaims, type EpochSeconds, findAccessTokenFault, type Seconds } from '../../oauth/index.ts';
import type { VerificationKey } from '../keys/verification-key.ts';
import type { Soon } from '../runtime/digest.ts';
import { type AccessToken, createAccessToken } from './access-token.ts';
import { type IssuerProfile, readAccessTokenClaims } from './issuer-profile.ts';
import { isSignedBy, readPayload, type UnverifiedToken } from './token-signature.ts';

/**
 * The access token in a text whose signature holds under a key, `undefined` for any other; a promise where only Web
 * Cryptography can tell. Whether it was revoked is not known yet, nor that it is presented with its proof.
 */
export type TokenOpener = (
  unverified: UnverifiedToken,
  key: VerificationKey,
  now: EpochSeconds,
) => Soon<AccessToken | undefined>;

/** Makes the function that checks signature, claims, issuer, audience and times, in this order (RFC 9068 §4). */
export function createTokenOpener(deps: {
  issuer: string;
  resource: string;
  /** What `aud` must name instead of the resource. */
  audience: string | readonly string[] | undefined;
  profile: IssuerProfile;
  clockTolerance: Seconds;
}): TokenOpener {
  const { issuer, resource, audience, profile, clockTolerance } = deps;
  const audiences = typeof audience === 'string' ? [audience] : audience;
  const expected = {
    issuer,
    resource: audiences === undefined ? resource : undefined,
    clockTolerance,
    acceptsBound: true,
  };

  return (unverified, key, now) => {
    const accept = (claims: AccessTokenClaims | undefined): AccessToken | undefined => {
      if (claims === undefined || findAccessTokenFault(claims, expected, now) !== undefined) return undefined;
      if (audiences !== undefined && !namesOneOf(claims.aud, audiences)) return undefined;
      return createAccessToken(unverified.text, claims, resource);
    };
    const read = (isSigned: boolean): Soon<AccessToken | undefined> => {
      const payload = isSigned ? readPayload(unverified) : undefined;
      if (payload === undefined) return undefined;
      const claims = readAccessTokenClaims(profile, payload, unverified.input);
      return claims instanceof Promise ? claims.then(accept) : accept(claims);
    };
    const isSigned = isSignedBy(unverified, key);
    return isSigned instanceof Promise ? isSigned.then(read) : read(isSigned);
  };
}

function namesOneOf(aud: AccessTokenClaims['aud'], audiences: readonly string[]): boolean {
  return typeof aud === 'string' ? audiences.includes(aud) : aud.some((one) => audiences.includes(one));
}
