import { type EpochSeconds, reject, type Seconds } from '../oauth/index.ts';
import {
  type AssertionExpectation,
  type AssertionFault,
  type UnverifiedAssertion,
  type VerifiedAssertion,
  verifyAssertion,
} from './assertion.ts';
import type { AssertionAlgorithm } from './foreign-key.ts';
import type { JwkSet } from './jwk-set.ts';

/** Somebody whose word counts here, because the operator says so. */
export interface TrustedIssuer {
  /** `iss` of its assertions, compared as text. */
  readonly issuer: string;
  readonly keys: JwkSet;
  /** Absent: every asymmetric algorithm we know. */
  readonly algorithms?: readonly AssertionAlgorithm[];
  /** How far ahead `exp` may lie, in seconds. */
  readonly maxLifetime: Seconds;
  /** Whether an assertion buys one token, or any number of them until it expires. */
  readonly replay: 'once' | 'until_expiry';
}

/**
 * Verifies an assertion (RFC 7521 §5.2, RFC 7523 §3) of one of the issuers; what else it must say is left to whoever asks.
 * @throws OAuthError `assertion_issuer_untrusted`, `assertion_audience_wrong`, `assertion_expired`,
 *   `assertion_signature_wrong`, `assertion_invalid`; UnavailableError when the keys of the issuer cannot be had.
 */
export async function verifyTrusted<Issuer extends TrustedIssuer>(
  assertion: UnverifiedAssertion,
  issuers: readonly Issuer[],
  expected: Pick<AssertionExpectation, 'types' | 'audience' | 'allowAudienceArray' | 'required'>,
  time: { readonly now: EpochSeconds; readonly clockTolerance: Seconds },
): Promise<{ readonly issuer: Issuer; readonly verified: VerifiedAssertion }> {
  const issuer = issuers.find((one) => one.issuer === assertion.claims.iss);
  if (issuer === undefined) throw reject('assertion_issuer_untrusted');
  const { keys, algorithms, maxLifetime, replay } = issuer;
  const verified = await verifyAssertion(
    assertion,
    {
      ...expected,
      issuer: issuer.issuer,
      required: replay === 'once' ? [...expected.required, 'jti'] : expected.required,
      maxLifetime,
    },
    { keys, ...time, ...(algorithms !== undefined && { algorithms }) },
  );
  if (typeof verified === 'string') throw refusalOf(verified, issuer.issuer);
  return { issuer, verified };
}

function refusalOf(fault: AssertionFault, issuer: string) {
  const detail = { fault, issuer };
  if (fault === 'audience') return reject('assertion_audience_wrong', detail);
  if (fault === 'expired') return reject('assertion_expired', detail);
  if (fault === 'signature' || fault === 'key_unknown') return reject('assertion_signature_wrong', detail);
  return reject('assertion_invalid', detail);
}
