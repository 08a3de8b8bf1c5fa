import type { z } from 'zod';
import { isJsonObject, type JsonObject } from '../oauth/index.ts';
import { TOKEN_EXCHANGE } from './grant-settings.ts';

type Context = z.core.$RefinementCtx;

/** An exchange names a client that may exchange, two resources, and scope names they have. */
export function checkTokenExchanges(settings: JsonObject, context: Context): void {
  const exchanges: readonly unknown[] = Array.isArray(settings['tokenExchanges']) ? settings['tokenExchanges'] : [];
  const clients: readonly unknown[] = Array.isArray(settings['clients']) ? settings['clients'] : [];
  const resources: readonly unknown[] = Array.isArray(settings['resources']) ? settings['resources'] : [];
  const scopesOf = (resource: string) => {
    const found = resources.find((one) => isJsonObject(one) && one['resource'] === resource);
    return isJsonObject(found) && isJsonObject(found['scopes']) ? found['scopes'] : undefined;
  };
  for (const [index, exchange] of exchanges.entries()) {
    if (!isJsonObject(exchange)) continue;
    const { client, from, to, scopes } = exchange;
    const report = (path: PropertyKey[], message: string) =>
      context.addIssue({ code: 'custom', message, path: ['tokenExchanges', index, ...path] });
    const entry = clients.find((one) => isJsonObject(one) && one['client_id'] === client);
    if (typeof client === 'string' && !isJsonObject(entry)) report(['client'], 'is not one of the clients');
    if (isJsonObject(entry) && !texts(entry['grant_types']).includes(TOKEN_EXCHANGE))
      report(['client'], `must have ${TOKEN_EXCHANGE} among its grant_types`);
    const known = resources.flatMap((one) => (isJsonObject(one) ? [one['resource']] : []));
    if (known.length > 0 && typeof from === 'string' && !known.includes(from))
      report(['from'], 'is not one of the resources');
    if (known.length > 0 && typeof to === 'string' && !known.includes(to))
      report(['to'], 'is not one of the resources');
    if (typeof from === 'string' && from === to) report(['to'], 'must differ from the resource the tokens are of');
    if (!isJsonObject(scopes)) continue;
    const [own, other] = [scopesOf(String(from)), scopesOf(String(to))];
    for (const [name, names] of Object.entries(scopes)) {
      if (own !== undefined && !Object.hasOwn(own, name)) report(['scopes', name], `"${name}" is not a scope of from`);
      for (const one of texts(names))
        if (other !== undefined && !Object.hasOwn(other, one))
          report(['scopes', name], `"${one}" is not a scope of to`);
    }
  }
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
