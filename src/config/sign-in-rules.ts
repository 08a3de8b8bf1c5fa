import type { z } from 'zod';
import { isJsonObject, isLoopbackHost, type JsonObject, OFFLINE_ACCESS } from '../oauth/index.ts';

type Context = z.core.$RefinementCtx;

/** What this server says itself in an authorization request, and no setting may say in its place. */
const OWN_PARAMETERS: ReadonlySet<string> = new Set([
  'client_id',
  'client_secret',
  'code_challenge',
  'code_challenge_method',
  'id_token_hint',
  'max_age',
  'nonce',
  'prompt',
  'redirect_uri',
  'request',
  'request_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
]);

const ADDRESSES = [
  'issuer',
  'authorizationEndpoint',
  'tokenEndpoint',
  'userInfoEndpoint',
  'emailsEndpoint',
  'groupsEndpoint',
];

/** There is a way to sign in; providers have names of their own, safe addresses, and settings that agree. */
export function checkSignIn(settings: JsonObject, context: Context): void {
  const { signIn } = settings;
  if (!isJsonObject(signIn)) return;
  const providers = ['oidc', 'oauth2'].flatMap((kind) =>
    entriesOf(signIn[kind]).map((entry, index) => ({ entry, path: ['signIn', kind, index] })),
  );
  const report = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', message, path });
  if (signIn['local'] === false && providers.length === 0)
    report(['signIn', 'local'], 'must stay on where there is no other way to sign in (signIn.oidc, signIn.oauth2)');

  const own = settings['issuer'] ?? `http://localhost:${String(settings['port'])}`;
  const ids = providers.map(({ entry }) => entry['id']);
  for (const [index, { entry, path }] of providers.entries()) {
    if (ids.indexOf(entry['id']) < index) report([...path, 'id'], 'is used by two providers');
    if (entry['issuer'] !== undefined && entry['issuer'] === own)
      report([...path, 'issuer'], 'must not be this server itself');
    for (const name of ADDRESSES) {
      if (isUnsafe(entry[name])) report([...path, name], 'must be an https URL, or http on this machine');
    }
    checkSecret(entry, (name, message) => report([...path, name], message));
    for (const name of Object.keys(isJsonObject(entry['parameters']) ? entry['parameters'] : {})) {
      if (OWN_PARAMETERS.has(name)) report([...path, 'parameters', name], 'is said by this server itself');
    }
    checkGuardedScopes(entry, settings, (at, message) => report([...path, 'scopesByClaim', ...at], message));
    if (path[1] === 'oauth2') checkLookups(entry, (name, message) => report([...path, name], message));
  }
}

type Report = (name: string, message: string) => void;

function checkSecret(entry: JsonObject, report: Report): void {
  const { clientSecret, clientSecretFile, clientKeyFile, clientAuthentication: method } = entry;
  const hasSecret = clientSecret !== undefined || clientSecretFile !== undefined;
  if (clientSecret !== undefined && clientSecretFile !== undefined)
    report('clientSecretFile', 'cannot be set together with clientSecret');
  if (clientKeyFile !== undefined && (hasSecret || method !== undefined))
    report('clientKeyFile', 'must be the only way in which the client authenticates');
  if (method === 'none' && hasSecret) report('clientAuthentication', 'must not be none for a client with a secret');
  if (typeof method === 'string' && method !== 'none' && !hasSecret && clientKeyFile === undefined)
    report('clientSecret', `or clientSecretFile is required for ${method}`);
}

/** A name that is misspelt here would keep nobody from the scope that was meant. */
function checkGuardedScopes(
  entry: JsonObject,
  settings: JsonObject,
  report: (path: PropertyKey[], message: string) => void,
): void {
  const resources = entriesOf(settings['resources']);
  if (resources.length === 0 || resources.some(({ scopes }) => !isJsonObject(scopes))) return;
  const known = new Set(resources.flatMap(({ scopes }) => Object.keys(isJsonObject(scopes) ? scopes : {})));
  for (const [index, rule] of entriesOf(entry['scopesByClaim']).entries()) {
    for (const [at, name] of (Array.isArray(rule['scopes']) ? rule['scopes'] : []).entries()) {
      if (typeof name === 'string' && name !== OFFLINE_ACCESS && !known.has(name))
        report([index, 'scopes', at], `"${name}" is a scope of no resource`);
    }
  }
}

/** A rule about what was never asked for would keep everybody out. */
function checkLookups(entry: JsonObject, report: Report): void {
  if (entry['allowedDomains'] !== undefined && entry['emailsEndpoint'] === undefined)
    report('emailsEndpoint', 'is required for allowedDomains');
  if (entry['allowedGroups'] !== undefined && entry['groupsEndpoint'] === undefined)
    report('groupsEndpoint', 'is required for allowedGroups');
}

function isUnsafe(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const url = URL.parse(value);
  if (url === null || url.username !== '' || url.password !== '' || value.includes('#')) return true;
  return url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname));
}

function entriesOf(entries: unknown): readonly JsonObject[] {
  return Array.isArray(entries) ? entries.map((entry: unknown) => (isJsonObject(entry) ? entry : {})) : [];
}
