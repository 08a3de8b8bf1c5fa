import { reject, type Seconds } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';
import { type AssertionClaims, type AssertionMarker, assertionMarker, type UnverifiedAssertion } from './assertion.ts';
import { claimAt } from './claim-at.ts';
import type { AssertionPermits } from './identity-assertion.ts';
import { type TrustedIssuer, verifyTrusted } from './trusted-issuer.ts';

/** A platform that runs workloads and vouches for them: a Kubernetes cluster, a SPIFFE trust domain, a cloud. */
export interface WorkloadIssuer extends TrustedIssuer {
  /** Audiences that count as us beside our issuer identifier and token endpoint. */
  readonly audiences: readonly string[];
  /** Which workloads count, in order: the first rule that fits decides. */
  readonly workloads: readonly WorkloadRule[];
}

/** One workload, by what its platform says of it. */
export interface WorkloadRule {
  /**
   * Claim → what it must say: one text, or any of several; `*` at the end of one stands for whatever follows. A claim
   * inside another is named by JSON Pointer (RFC 6901). Of a claim that is a list one entry must fit.
   */
  readonly claims: Readonly<Record<string, string | readonly string[]>>;
  /** Who the workload is here: `client_id` and `sub` of its tokens. */
  readonly clientId: string;
  readonly permits: AssertionPermits;
}

/** A workload that proved who it is. */
export interface Workload {
  readonly issuer: string;
  /** Its name at its platform. */
  readonly name: string;
  readonly clientId: string;
  readonly permits: AssertionPermits;
  /** What spends the assertion; absent: it may be used until it expires. */
  readonly marker?: AssertionMarker;
}

/** Reads the tokens that platforms give their workloads. */
export interface WorkloadAssertions {
  /**
   * Verifies one and finds whose it is. Never spends it.
   * @throws OAuthError `assertion_…`; UnavailableError when the keys of its issuer cannot be had.
   */
  open(assertion: UnverifiedAssertion): Promise<Workload>;
}

// SPIFFE JWT-SVID §2.2 has JWT or JOSE; Kubernetes sends none. Anything else is made for another purpose (RFC 8725 §3.11).
const TYPES = [undefined, 'jwt', 'jose'];

export function createWorkloadAssertions(deps: {
  /** Our issuer identifier. */
  issuer: string;
  issuers: readonly WorkloadIssuer[];
  clock: Clock;
  clockTolerance: Seconds;
}): WorkloadAssertions {
  const { issuer: own, issuers, clock, clockTolerance } = deps;
  return {
    async open(assertion) {
      const { audiences = [] } = issuers.find((one) => one.issuer === assertion.claims.iss) ?? {};
      const { issuer, verified } = await verifyTrusted(
        assertion,
        issuers,
        // SEP-1933 has the token endpoint, its tests the issuer with and without a slash; RFC 7523 §3 allows both.
        {
          types: TYPES,
          audience: [own, `${own}/`, `${own}/token`, ...audiences],
          allowAudienceArray: true,
          required: ['sub'],
        },
        { now: clock(), clockTolerance },
      );
      const { claims } = verified;
      const rule = issuer.workloads.find((workload) => fits(claims, workload));
      if (rule === undefined) throw reject('assertion_workload_unknown', { issuer: issuer.issuer });
      return {
        issuer: issuer.issuer,
        name: claims.sub ?? '',
        clientId: rule.clientId,
        permits: rule.permits,
        ...(issuer.replay === 'once' && { marker: assertionMarker(verified, clockTolerance) }),
      };
    },
  };
}

function fits(claims: AssertionClaims, rule: WorkloadRule): boolean {
  return Object.entries(rule.claims).every(([name, wanted]) => {
    const value = claimAt(claims, name);
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    return values.some((one) => typeof one === 'string' && [wanted].flat().some((pattern) => matches(one, pattern)));
  });
}

function matches(value: string, pattern: string): boolean {
  if (!pattern.endsWith('*')) return value === pattern;
  const start = pattern.slice(0, -1);
  return value.length > start.length && value.startsWith(start);
}
