import { claimAt } from '../../clients/index.ts';
import { type JsonObject, reject, type Scope } from '../../oauth/index.ts';
import { displayName } from '../ticket.ts';

/** Which people of a provider are let in, and what they may grant. */
export interface UpstreamRules {
  /** Absent: all. */
  readonly allowedGroups?: readonly string[] | undefined;
  /** Absent: all. */
  readonly allowedDomains?: readonly string[] | undefined;
  readonly scopesByClaim: readonly {
    readonly scopes: Scope;
    /** Its name, or a JSON Pointer to it. */
    readonly claim: string;
    /** Absent: whatever it says. */
    readonly values?: readonly string[] | undefined;
  }[];
}

/** What is known of where a person belongs. */
export interface Belonging {
  readonly groups: readonly string[];
  /** In whatever case; only those that the provider verified. */
  readonly domains: readonly string[];
}

/** @throws OAuthError `upstream_account_not_admitted` for a person whom the rules keep out. */
export function requireAdmitted(rules: UpstreamRules, { groups, domains }: Belonging): void {
  const { allowedGroups, allowedDomains } = rules;
  if (allowedGroups !== undefined && !groups.some((group) => allowedGroups.includes(group)))
    throw reject('upstream_account_not_admitted', { fault: 'groups' });
  const own = domains.map((domain) => domain.toLowerCase());
  if (allowedDomains !== undefined && !allowedDomains.some((domain) => own.includes(domain.toLowerCase())))
    throw reject('upstream_account_not_admitted', { fault: 'domain' });
}

/** The guarded scope names that a person with these claims may grant. */
export function grantableScope(rules: UpstreamRules, claims: JsonObject): Scope {
  const given = rules.scopesByClaim.filter(({ claim, values }) => {
    const said = textsAt(claims, claim);
    return values === undefined ? said.length > 0 : said.some((text) => values.includes(text));
  });
  return [...new Set(given.flatMap(({ scopes }) => scopes))];
}

/** What a claim says, as texts: one, or those of a list. Numbers and switches count as they are written. */
export function textsAt(claims: JsonObject, name: string): readonly string[] {
  const value = claimAt(claims, name);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.flatMap((one) =>
    typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean' ? [String(one)] : [],
  );
}

/** The domain of an e-mail address. */
export function domainOf(email: string): string {
  return email.slice(email.lastIndexOf('@') + 1);
}

/** The first claim of these that can be shown as a name, without what could disguise it. */
export function shownName(claims: JsonObject, names: readonly string[]): string {
  for (const name of names) {
    const [text = ''] = textsAt(claims, name);
    const shown = displayName(text);
    if (shown !== '') return shown;
  }
  return '?';
}
