import { sha256 } from '../platform/index.ts';

/**
 * Who a person of another issuer is here: a digest of issuer, tenant and `sub` that no other issuer can make, 43 characters.
 * One rule for every way a person arrives, so that an ID-JAG and a sign-in at one provider give one subject.
 */
export function derivedSubject(person: {
  readonly issuer: unknown;
  /** Absent: the issuer has none, or does not say. */
  readonly tenant?: unknown;
  readonly sub: unknown;
}): string {
  return sha256(JSON.stringify([person.issuer, person.tenant ?? null, person.sub]));
}
