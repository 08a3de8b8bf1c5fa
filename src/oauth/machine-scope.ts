import { reject } from './error.ts';
import type { Resource } from './resource.ts';
import { expandScope, OFFLINE_ACCESS, type Scope } from './scope.ts';

/**
 * The scope of a token that nobody is asked about (RFC 6749 §3.3). Names the resource does not know, or that lie outside one
 * of the limits, are left out of a request; where no scope is asked for it is all that the first limit allows, or without
 * any limit what the resource grants by default. There is no refresh token, so `offline_access` means nothing.
 * @throws OAuthError `scope_not_allowed` when nothing remains of what was asked for or allowed.
 */
export function machineScope(
  requested: Scope | undefined,
  resource: Resource,
  limits: readonly (Scope | undefined)[],
): Scope {
  const bounds = limits.filter((limit) => limit !== undefined).map((limit) => expandScope(limit, resource.implies));
  if (resource.scopes !== undefined) bounds.push(new Set(Object.keys(resource.scopes)));
  const wanted = requested ?? limits.find((limit) => limit !== undefined);
  const granted = (wanted ?? resource.defaultScopes ?? Object.keys(resource.scopes ?? {})).filter(
    (name) => name !== OFFLINE_ACCESS && bounds.every((bound) => bound.has(name)),
  );
  if (wanted !== undefined && granted.length === 0) throw reject('scope_not_allowed');
  return granted;
}
