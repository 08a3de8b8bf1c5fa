import type { z } from 'zod';
import { isJsonObject, isLoopbackHost, type JsonObject } from '../oauth/index.ts';
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

/** Issuers whose assertions count are named once, are not this server, and have one place for their keys. */
export function checkIssuers(settings: JsonObject, context: Context): void {
  const resources: readonly unknown[] = Array.isArray(settings['resources']) ? settings['resources'] : [];
  const known = resources.flatMap((one) => (isJsonObject(one) ? [one['resource']] : []));
  const own = settings['issuer'] ?? `http://localhost:${String(settings['port'])}`;
  for (const list of ['identityProviders', 'workloadIssuers']) {
    const entries: readonly unknown[] = Array.isArray(settings[list]) ? settings[list] : [];
    const issuers = entries.map((entry) => (isJsonObject(entry) ? entry['issuer'] : undefined));
    for (const [index, entry] of entries.entries()) {
      if (!isJsonObject(entry)) continue;
      const report = (path: PropertyKey[], message: string) =>
        context.addIssue({ code: 'custom', message, path: [list, index, ...path] });
      const { issuer, jwks, jwksUri } = entry;
      if (issuers.indexOf(issuer) < index) report(['issuer'], 'is listed twice');
      // Who vouches for people must not also be who believes it (ID-JAG §8.3).
      if (issuer === own) report(['issuer'], 'must not be this server itself');
      if (jwks !== undefined && jwksUri !== undefined) report(['jwksUri'], 'must be absent where jwks is given');
      if (jwksUri !== undefined && !isAddress(jwksUri)) report(['jwksUri'], ADDRESS_FAULT);
      if (jwks === undefined && jwksUri === undefined && !isAddress(issuer))
        report(['issuer'], 'must be a URL, so that its metadata can be found, or have jwks or jwksUri');
      if (entry['subject'] !== undefined && entry['subject'] !== 'derived' && entries.length > 1)
        report(['subject'], 'must be derived where there are several, so that none can name the people of another');
      checkPermits(entry, known, report);
      const workloads: readonly unknown[] = Array.isArray(entry['workloads']) ? entry['workloads'] : [];
      for (const [at, workload] of workloads.entries()) {
        if (!isJsonObject(workload)) continue;
        const reportWorkload = (path: PropertyKey[], message: string) => report(['workloads', at, ...path], message);
        checkPermits(workload, known, reportWorkload);
        const claims = isJsonObject(workload['claims']) ? workload['claims'] : { '': '' };
        if (Object.keys(claims).length === 0) reportWorkload(['claims'], 'must name at least one claim');
        for (const [name, wanted] of Object.entries(claims))
          if ([wanted].flat().includes('*')) reportWorkload(['claims', name], 'must say something before the *');
      }
    }
  }
}

const ADDRESS_FAULT = 'must be an https URL, or http on this machine';

/** `https`, or `http` on this machine: where keys may be fetched from. */
function isAddress(value: unknown): boolean {
  if (typeof value !== 'string') return true;
  const url = /^https?:\/\/[\x21-\x7e]+$/.test(value) ? URL.parse(value) : null;
  if (url === null || url.username !== '' || url.password !== '' || value.includes('#')) return false;
  return url.protocol === 'https:' || isLoopbackHost(url.hostname);
}

function checkPermits(
  entry: JsonObject,
  known: readonly unknown[],
  report: (path: PropertyKey[], message: string) => void,
): void {
  if (known.length === 0) return;
  for (const [index, resource] of texts(entry['resources']).entries())
    if (!known.includes(resource)) report(['resources', index], 'is not one of the resources');
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
