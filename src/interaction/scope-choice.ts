import { type Form, OFFLINE_ACCESS, type Resource, type Scope } from '../oauth/index.ts';
import type { InteractionTicket } from './ticket.ts';

type Asked = Pick<InteractionTicket, 'resource' | 'scope'>;

/** The field of a scope on the consent page. */
export const fieldOfScope = (name: string) => `scope:${name}`;

/** Sent by every browser with a page on which scopes can be left out. A form without it allows all the page lists. */
export const CHOICE_FIELD = 'scopes';

/**
 * The scopes of a request that the person may leave out: those the resource does not require, where leaving one out is
 * something else than Deny. `offline_access` is not among them: what an app may do while somebody is away is in the others.
 */
export function optionalScope(asked: Asked, resources: readonly Resource[]): Scope {
  const required = resources.find(({ resource }) => resource === asked.resource)?.requiredScopes ?? [];
  const meant = asked.scope.filter((name) => name !== OFFLINE_ACCESS);
  return meant.length < 2 ? [] : meant.filter((name) => !required.includes(name));
}

/** The part of the asked scope that a form allows; never more than was asked for. `undefined` where nothing is left of it. */
export function readChosenScope(form: Form, asked: Asked, resources: readonly Resource[]): Scope | undefined {
  const optional = optionalScope(asked, resources);
  if (optional.length === 0 || form.get(CHOICE_FIELD) === undefined) return asked.scope;
  const isLeftOut = (name: string) => optional.includes(name) && form.get(fieldOfScope(name)) === undefined;
  const chosen = asked.scope.filter((name) => !isLeftOut(name));
  return chosen.some((name) => name !== OFFLINE_ACCESS) ? chosen : undefined;
}
