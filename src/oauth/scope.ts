import { reject } from './error.ts';

/** A parsed `scope` (RFC 6749 §3.3): distinct scope tokens in the order given. The wire string is `formatScope`. */
export type Scope = readonly string[];

/** Scope name → the names it contains (`admin` implies `read`). */
export type ScopeHierarchy = Readonly<Record<string, readonly string[]>>;

/** A scope every client may ask for: whether it gets refresh tokens is not the resource's business (SEP-2207). */
export const OFFLINE_ACCESS = 'offline_access';

const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
const MAX_SCOPE_TOKENS = 100;

/**
 * Reads a wire `scope`. Clients send leading, trailing and doubled spaces and empty strings: all are read as if the
 * spaces were not there. `undefined` when nothing is asked for.
 * @throws OAuthError `scope_malformed` for characters outside RFC 6749 §3.3 and for more than 100 names.
 */
export function parseScope(text: string | undefined): Scope | undefined {
  if (text === undefined) return undefined;
  const names = [...new Set(text.split(' ').filter((name) => name !== ''))];
  if (names.length === 0) return undefined;
  if (names.length > MAX_SCOPE_TOKENS || !names.every((name) => SCOPE_TOKEN.test(name)))
    throw reject('scope_malformed');
  return names;
}

/** The wire form of a scope: names joined by one space. */
export function formatScope(scope: Scope): string {
  return scope.join(' ');
}

/** Whether `text` is one well-formed scope name. */
export function isScopeToken(text: string): boolean {
  return SCOPE_TOKEN.test(text);
}

/** `scope` and everything it implies, transitively. */
export function expandScope(scope: Scope, hierarchy: ScopeHierarchy = {}): ReadonlySet<string> {
  const reached = new Set<string>();
  const open = [...scope];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    if (Object.hasOwn(hierarchy, name)) open.push(...(hierarchy[name] ?? []));
  }
  return reached;
}

/** Whether `granted` covers every name of `required`, broader names counting for narrower ones (MCP RS-34). */
export function coversScope(granted: Scope, required: Scope, hierarchy: ScopeHierarchy = {}): boolean {
  if (required.every((name) => granted.includes(name))) return true;
  const reached = expandScope(granted, hierarchy);
  return required.every((name) => reached.has(name));
}

/**
 * The scope for a refresh (RFC 6749 §6): what was granted when nothing is asked for, else what is asked for.
 * @throws OAuthError `scope_not_allowed` when it asks for more than was granted.
 */
export function narrowScope(requested: Scope | undefined, granted: Scope, hierarchy: ScopeHierarchy = {}): Scope {
  if (requested === undefined) return granted;
  if (!coversScope(granted, requested, hierarchy)) throw reject('scope_not_allowed');
  return requested;
}
