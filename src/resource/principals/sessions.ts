import { type PrincipalSource, principalOf } from './principal.ts';

/** Sessions of a server for MCP revisions that have them (2025-03-26 to 2025-11-25), each of the principal who began it. */
export interface Sessions<Session> {
  /** Keeps a session under the id its transport made. @throws Error for an id that is taken. */
  add(id: string, owner: PrincipalSource, session: Session): void;
  /**
   * The session, for its owner. `undefined` for an id that is unknown and for one of another principal: both are answered with
   * 404, whereupon a client begins anew.
   */
  find(id: string | null | undefined, asker: PrincipalSource | undefined): Session | undefined;
  remove(id: string): void;
  /** Every session, for closing them. */
  all(): readonly Session[];
  readonly size: number;
}

interface Kept<Session> {
  readonly principal: string;
  readonly session: Session;
}

/**
 * Keeps the sessions of one process by id and owner (MCP security best practices, Session Hijacking): an id alone opens
 * nothing, since who asks is known by the token of the request. It forgets nothing by itself: `remove` what was closed.
 */
export function createSessions<Session>(): Sessions<Session> {
  const kept = new Map<string, Kept<Session>>();
  return {
    add(id, owner, session) {
      if (kept.has(id)) throw new Error('the session id is taken');
      kept.set(id, { principal: principalOf(owner), session });
    },
    find(id, asker) {
      const entry = typeof id === 'string' ? kept.get(id) : undefined;
      if (entry === undefined || asker === undefined) return undefined;
      return entry.principal === principalOf(asker) ? entry.session : undefined;
    },
    remove: (id) => void kept.delete(id),
    all: () => [...kept.values()].map(({ session }) => session),
    get size() {
      return kept.size;
    },
  };
}
