import { expandScope, OFFLINE_ACCESS, type Resource, type Scope } from '../oauth/index.ts';
import type { Session } from './session.ts';
import type { InteractionTicket } from './ticket.ts';

/** What a person can be asked to grant. */
export interface ScopeLimits {
  /**
   * The request without the scope names this person may not grant; `undefined` when none of those asked for is left, or
   * one without which nothing works is not.
   */
  narrow(ticket: InteractionTicket, session: Session): InteractionTicket | undefined;
}

/**
 * Limits people of other providers to what a claim of theirs lets them grant. Which names are guarded is the same for all
 * such people: where one provider has no rule for a name that another guards, its people may not grant it. Local people,
 * whom the operator added one by one, are not limited. A name counts with everything it implies.
 */
export function createScopeLimits(deps: { guarded: Scope; resources: readonly Resource[] }): ScopeLimits {
  const guarded = new Set(deps.guarded);
  return {
    narrow(ticket, { upstream }) {
      if (upstream === undefined || guarded.size === 0) return ticket;
      const { implies, requiredScopes = [] } =
        deps.resources.find(({ resource }) => resource === ticket.resource) ?? ({} as Partial<Resource>);
      const scope = ticket.scope.filter((name) =>
        [...expandScope([name], implies)].every((one) => !guarded.has(one) || upstream.scope.includes(one)),
      );
      const isEmpty = scope.every((name) => name === OFFLINE_ACCESS) && scope.length < ticket.scope.length;
      const lacksRequired = requiredScopes.some((name) => ticket.scope.includes(name) && !scope.includes(name));
      return isEmpty || lacksRequired ? undefined : { ...ticket, scope };
    },
  };
}
