import type { Resource, Scope } from '../oauth/index.ts';
import type { Messages } from './messages/messages.ts';

/** Each scope name with the sentence the operator wrote for it, or one of ours that repeats the name. */
export function describeScope(
  granted: { readonly resource: string; readonly scope: Scope },
  resources: readonly Resource[],
  say: Messages['consent'],
): readonly { readonly name: string; readonly sentence: string }[] {
  const own = resources.find(({ resource }) => resource === granted.resource)?.scopes ?? {};
  const sentences = new Map([['offline_access', say.offlineAccess], ...Object.entries(own)]);
  return granted.scope.map((name) => ({ name, sentence: sentences.get(name) ?? say.scopeWithoutSentence(name) }));
}
