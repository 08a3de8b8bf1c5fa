import {
  canonicalResource,
  type EpochSeconds,
  isJsonObject,
  type JsonObject,
  parseScope,
  reject,
  type Scope,
  type Seconds,
  type SenderConstraint,
} from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';
import {
  type AssertionClaims,
  type AssertionMarker,
  assertionMarker,
  type UnverifiedAssertion,
  type VerifiedAssertion,
} from './assertion.ts';
import { derivedSubject } from './derived-subject.ts';
import { type TrustedIssuer, verifyTrusted } from './trusted-issuer.ts';

/** The `typ` of an identity assertion authorization grant, an ID-JAG (draft-ietf-oauth-identity-assertion-authz-grant §3). */
export const IDENTITY_ASSERTION_TYPE = 'oauth-id-jag+jwt';

/** An enterprise identity provider that may send its people here, and how far it is trusted. */
export interface IdentityProvider extends TrustedIssuer {
  /**
   * How its `sub` becomes ours: `derived`, a digest of issuer, tenant and `sub` that no other issuer can make; `sub` as it
   * is; `aud_sub`, the subject the provider says the person has here.
   */
  readonly subject: 'derived' | 'sub' | 'aud_sub';
  /** The `tenant` its assertions must name; absent: any, and it is part of a derived subject. */
  readonly tenant?: string;
  /** The clients it may vouch to; absent: any that the assertion names. */
  readonly clients?: readonly string[];
  /** Whether clients that do not authenticate may bring its assertions. */
  readonly allowPublicClients: boolean;
  /** What it may vouch for at most; absent members: anything. */
  readonly permits: AssertionPermits;
}

/** The most an issuer may cause; absent members: no bound. */
export interface AssertionPermits {
  readonly resources?: readonly string[];
  readonly scope?: Scope;
}

/** What an identity provider says, verified. */
export interface IdentityAssertion {
  readonly issuer: string;
  /** The person, as a subject of ours. */
  readonly subject: string;
  /** The client it was made for. */
  readonly clientId: string;
  readonly allowPublicClients: boolean;
  /** The resources it is for; absent: it does not say. */
  readonly resources?: readonly string[];
  /** The scope it is for; absent: it does not say. */
  readonly scope?: Scope;
  readonly permits: AssertionPermits;
  /** The key it is bound to (`cnf.jkt`). */
  readonly sender?: SenderConstraint;
  readonly issuedAt: EpochSeconds;
  readonly authTime?: EpochSeconds;
  readonly amr?: readonly string[];
  /** Who acts for the person already (RFC 8693 §4.1), each named with its issuer. */
  readonly act?: JsonObject;
  /** What spends it; absent: it may be used until it expires. */
  readonly marker?: AssertionMarker;
}

/** Reads the ID-JAGs of identity providers. */
export interface IdentityAssertions {
  /**
   * Verifies one. Never spends it. @throws OAuthError `assertion_…`; UnavailableError when the keys of its issuer cannot be had.
   */
  open(assertion: UnverifiedAssertion): Promise<IdentityAssertion>;
}

const MAX_ACTORS = 8;

export function createIdentityAssertions(deps: {
  /** Our issuer identifier: the only audience. */
  issuer: string;
  providers: readonly IdentityProvider[];
  clock: Clock;
  clockTolerance: Seconds;
}): IdentityAssertions {
  const { providers, clock, clockTolerance } = deps;
  const expected = {
    types: [IDENTITY_ASSERTION_TYPE],
    audience: [deps.issuer],
    allowAudienceArray: true,
    required: ['sub', 'client_id', 'jti', 'iat'],
  };
  return {
    async open(assertion) {
      const time = { now: clock(), clockTolerance };
      const { issuer: provider, verified } = await verifyTrusted(assertion, providers, expected, time);
      return read(verified, provider, clockTolerance);
    },
  };
}

function read(verified: VerifiedAssertion, provider: IdentityProvider, clockTolerance: Seconds): IdentityAssertion {
  const { claims } = verified;
  const { client_id: clientId, tenant, auth_time: authTime, amr } = claims;
  if (typeof clientId !== 'string' || clientId === '') throw invalid('client_id');
  if (tenant !== undefined && typeof tenant !== 'string') throw invalid('tenant');
  if (provider.tenant !== undefined && tenant !== provider.tenant) throw reject('assertion_tenant_wrong');
  if (provider.clients?.includes(clientId) === false) throw reject('assertion_of_other_client');
  // What must be honoured and cannot be is a reason to refuse (RFC 9396 §5, RFC 7800 §3.1).
  if (claims['authorization_details'] !== undefined) throw reject('assertion_details_unsupported');
  if (authTime !== undefined && typeof authTime !== 'number') throw invalid('auth_time');
  if (amr !== undefined && !isTexts(amr)) throw invalid('amr');
  const resources = readResources(claims['resource']);
  const scope = readScope(claims['scope']);
  const sender = readConfirmation(claims['cnf']);
  return {
    issuer: provider.issuer,
    subject: subjectOf(claims, provider),
    clientId,
    allowPublicClients: provider.allowPublicClients,
    permits: provider.permits,
    issuedAt: claims.iat ?? 0,
    ...(resources !== undefined && { resources }),
    ...(scope !== undefined && { scope }),
    ...(sender !== undefined && { sender }),
    ...(authTime !== undefined && { authTime }),
    ...(amr !== undefined && { amr }),
    ...(claims['act'] !== undefined && { act: readActor(claims['act'], provider.issuer, MAX_ACTORS) }),
    ...(provider.replay === 'once' && { marker: assertionMarker(verified, clockTolerance) }),
  };
}

function subjectOf(claims: AssertionClaims, provider: IdentityProvider): string {
  if (provider.subject === 'derived')
    return derivedSubject({ issuer: claims.iss, tenant: provider.tenant ?? claims['tenant'], sub: claims.sub });
  const subject = claims[provider.subject];
  // A subject of ours has at most 1,024 characters (RFC 9068 claims as validators read them).
  if (typeof subject !== 'string' || subject === '' || subject.length > 1_024) throw invalid(provider.subject);
  return subject;
}

function readResources(claim: unknown): readonly string[] | undefined {
  if (claim === undefined) return undefined;
  const texts: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  const resources = texts.map((text) => (typeof text === 'string' ? canonicalResource(text) : undefined));
  if (resources.length === 0 || !isTexts(resources)) throw invalid('resource');
  return [...new Set(resources)];
}

function readScope(claim: unknown): Scope | undefined {
  if (claim === undefined) return undefined;
  if (typeof claim !== 'string') throw invalid('scope');
  try {
    return parseScope(claim) ?? [];
  } catch {
    throw invalid('scope');
  }
}

function readConfirmation(claim: unknown): SenderConstraint | undefined {
  if (claim === undefined) return undefined;
  if (!isJsonObject(claim) || typeof claim['jkt'] !== 'string' || Object.keys(claim).length !== 1) throw invalid('cnf');
  return { jkt: claim['jkt'] };
}

/** An actor and those before it, with nothing but who they are; an actor without an issuer is the provider's. */
function readActor(claim: unknown, issuer: string, depth: number): JsonObject {
  if (depth === 0 || !isJsonObject(claim)) throw invalid('act');
  const { sub, iss = issuer, act } = claim;
  if (typeof sub !== 'string' || typeof iss !== 'string') throw invalid('act');
  return { sub, iss, ...(act !== undefined && { act: readActor(act, issuer, depth - 1) }) };
}

function isTexts(values: unknown): values is readonly string[] {
  return Array.isArray(values) && values.every((value) => typeof value === 'string');
}

function invalid(claim: string) {
  return reject('assertion_invalid', { fault: 'claims', claim });
}
