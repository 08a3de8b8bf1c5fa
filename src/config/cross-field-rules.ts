import type { z } from 'zod';
import { canonicalResource, isAcceptableRedirectUri, isJsonObject, type JsonObject } from '../oauth/index.ts';
import { checkIssuers, checkTokenExchanges } from './grant-rules.ts';
import { TOKEN_EXCHANGE } from './grant-settings.ts';
import { checkSignIn } from './sign-in-rules.ts';

/**
 * Rules across settings. They run even where single settings are wrong, so that everything is reported at once; what
 * they look at may therefore have any shape, and a rule whose inputs are not sound says nothing.
 */
type Context = z.core.$RefinementCtx;

/** The default, required and implied scope names of a resource are names it has. */
export function checkResource(entry: unknown, context: Context): void {
  if (!isJsonObject(entry) || !isJsonObject(entry['scopes'])) return;
  const scopes = entry['scopes'];
  const mustExist = (name: string, path: PropertyKey[]) => {
    if (!Object.hasOwn(scopes, name)) fault(context, path, `"${name}" is not one of its scopes`);
  };
  for (const setting of ['defaultScopes', 'requiredScopes']) {
    texts(entry[setting]).forEach((name, index) => {
      mustExist(name, [setting, index]);
    });
  }
  for (const [name, implied] of Object.entries(isJsonObject(entry['implies']) ? entry['implies'] : {})) {
    mustExist(name, ['implies', name]);
    texts(implied).forEach((one, index) => {
      mustExist(one, ['implies', name, index]);
    });
  }
}

/** A client's secret, redirect URIs and grant types agree with each other (RFC 7591 §2). */
export function checkClient(entry: unknown, context: Context): void {
  if (!isJsonObject(entry)) return;
  const method = entry['token_endpoint_auth_method'];
  const hasSecret = entry['client_secret_hash'] !== undefined;
  if (method === 'none' && hasSecret)
    fault(context, ['client_secret_hash'], 'must be absent for a client that does not authenticate ("none")');
  if (typeof method === 'string' && method.startsWith('client_secret_') && !hasSecret)
    fault(context, ['client_secret_hash'], `is required for ${method}`);

  const hasKeys = entry['jwks'] !== undefined || entry['jwks_uri'] !== undefined;
  if (method === 'private_key_jwt' && !hasKeys) fault(context, ['jwks'], 'or jwks_uri is required for private_key_jwt');
  if (entry['jwks'] !== undefined && entry['jwks_uri'] !== undefined)
    fault(context, ['jwks_uri'], 'must be absent where jwks is given');
  if (hasKeys && typeof method === 'string' && method !== 'private_key_jwt')
    fault(context, ['token_endpoint_auth_method'], 'must be private_key_jwt for a client with keys');
  if (hasKeys && hasSecret) fault(context, ['client_secret_hash'], 'must be absent for a client with keys');

  const redirectUris = entry['redirect_uris'];
  texts(redirectUris).forEach((uri, index) => {
    if (!isAcceptableRedirectUri(uri))
      fault(
        context,
        ['redirect_uris', index],
        'must be https, http on this machine, or a private-use scheme of an app',
      );
  });
  const grantTypes = entry['grant_types'];
  if (texts(grantTypes).some((type) => MACHINE_GRANT_TYPES.has(type))) checkMachine(entry, context);
  const isInteractive = !Array.isArray(grantTypes) || grantTypes.includes('authorization_code');
  if (isInteractive && (redirectUris === undefined || (Array.isArray(redirectUris) && redirectUris.length === 0)))
    fault(context, ['redirect_uris'], 'must name at least one redirect URI');
}

const MACHINE_GRANT_TYPES: ReadonlySet<string> = new Set(['client_credentials', TOKEN_EXCHANGE]);

/** A client that no person stands behind must prove that it is itself (RFC 6749 §4.4); it may become the `sub` of a token. */
function checkMachine(entry: JsonObject, context: Context): void {
  const hasCredential = ['client_secret_hash', 'jwks', 'jwks_uri'].some((name) => entry[name] !== undefined);
  if (entry['token_endpoint_auth_method'] === 'none' || !hasCredential)
    fault(context, ['grant_types'], 'is for a client that authenticates: give it a client_secret_hash or jwks');
  const id = entry['client_id'];
  if (typeof id === 'string' && id.length > 1_024)
    fault(context, ['client_id'], 'must have at most 1024 characters for these grant_types');
}

/** What must hold between settings. */
export function checkSettings(settings: unknown, context: Context): void {
  if (!isJsonObject(settings)) return;
  checkAddresses(settings, context);
  checkIdentifiers(settings, context);
  checkIssuers(settings, context);
  checkKeys(settings['keys'], context);
  checkTokenExchanges(settings, context);
  checkRedis(settings, context);
  checkSignIn(settings, context);
  const { lifetimes, refresh, registration } = settings;

  if (isJsonObject(lifetimes) && isBelow(lifetimes['refreshAbsolute'], lifetimes['refreshIdle']))
    fault(context, ['lifetimes', 'refreshAbsolute'], 'must not be shorter than lifetimes.refreshIdle');

  if (isJsonObject(lifetimes) && isBelow(lifetimes['sessionAbsolute'], lifetimes['sessionIdle']))
    fault(context, ['lifetimes', 'sessionAbsolute'], 'must not be shorter than lifetimes.sessionIdle');

  // Whatever ends grants is kept for as long as one can last; a consent that lasted longer would come back.
  if (isJsonObject(lifetimes) && isBelow(lifetimes['refreshAbsolute'], lifetimes['consent']))
    fault(context, ['lifetimes', 'consent'], 'must not be longer than lifetimes.refreshAbsolute');

  if (isJsonObject(refresh) && refresh['strict'] === true && isBelow(60, refresh['replayWindow']))
    fault(context, ['refresh', 'replayWindow'], 'must be at most 60 with refresh.strict');

  if (isJsonObject(registration) && Array.isArray(registration['validScopes'])) {
    const valid = texts(registration['validScopes']);
    texts(registration['defaultScopes']).forEach((name, index) => {
      if (!valid.includes(name))
        fault(context, ['registration', 'defaultScopes', index], `"${name}" is not in registration.validScopes`);
    });
  }
}

/** What of `keys` excludes what else of it. */
function checkKeys(keys: unknown, context: Context): void {
  if (!isJsonObject(keys) || !isJsonObject(keys['backend'])) return;
  const { algorithm, postQuantum, backend, formerBackends } = keys;
  if (algorithm === 'ML-DSA-44' && postQuantum !== true)
    fault(
      context,
      ['keys', 'algorithm'],
      'must not be ML-DSA-44 without keys.postQuantum: every token is then about 4 kB long, and who does not know ' +
        'keys of type AKP (RFC 9964) refuses it, or a whole JWK Set',
    );
  if (algorithm === 'ML-DSA-44' && backend['kind'] !== 'file')
    fault(
      context,
      ['keys', 'algorithm'],
      `must not be ML-DSA-44 with ${String(backend['kind'])}: such keys are made in the folder only (backend file)`,
    );
  if (backend['kind'] === 'aws-kms' && algorithm === 'EdDSA')
    fault(
      context,
      ['keys', 'algorithm'],
      'must not be EdDSA with aws-kms, which takes 4,096 bytes of a message at most',
    );
  const kinds = [backend['kind'], ...members(formerBackends, 'kind')];
  kinds.forEach((kind, index) => {
    if (index > 0 && kind !== '' && kind !== 'file' && kinds.indexOf(kind) < index)
      fault(context, ['keys', 'formerBackends', index - 1], `is a second ${String(kind)}; keys are found by the kind`);
  });
}

function checkAddresses(settings: JsonObject, context: Context): void {
  const { port, managementPort, issuer } = settings;
  if (port === 0 && issuer === undefined) fault(context, ['issuer'], 'is required where the port is 0 (any free port)');
  if (typeof port === 'number' && port !== 0 && port === managementPort)
    fault(context, ['managementPort'], 'must differ from the port of the server');
}

function checkRedis(settings: JsonObject, context: Context): void {
  const { redisCertFile, redisKeyFile, redisAcknowledgement, redisCommandTimeout } = settings;
  if ((redisCertFile === undefined) !== (redisKeyFile === undefined)) {
    const [missing, given] = redisKeyFile === undefined ? ['Key', 'Cert'] : ['Cert', 'Key'];
    fault(context, [`redis${missing}File`], `is required beside redis${given}File`);
  }
  const half = typeof redisCommandTimeout === 'number' ? redisCommandTimeout / 2 : undefined;
  if (isJsonObject(redisAcknowledgement) && isBelow(half, redisAcknowledgement['timeout']))
    fault(context, ['redisAcknowledgement', 'timeout'], 'must be at most half of redisCommandTimeout');
}

function checkIdentifiers(settings: JsonObject, context: Context): void {
  const identifiers = members(settings['resources'], 'resource').map((text) => canonicalResource(text) ?? text);
  reportRepeated(identifiers, (index) => fault(context, ['resources', index, 'resource'], 'is listed twice'));
  reportRepeated(members(settings['clients'], 'client_id'), (index) =>
    fault(context, ['clients', index, 'client_id'], 'is used by two clients'),
  );

  const credible = new Set(
    members(settings['clients'], 'client_id').filter((_, index) => keepsCredential(settings, index)),
  );
  entriesOf(settings['resources']).forEach((entry, index) => {
    texts(entry['introspectedBy']).forEach((client, position) => {
      if (!credible.has(client))
        fault(
          context,
          ['resources', index, 'introspectedBy', position],
          `"${client}" is not a configured client that keeps a credential`,
        );
    });
  });

  const wanted = settings['defaultResource'];
  const canonical = typeof wanted === 'string' ? canonicalResource(wanted) : undefined;
  if (canonical !== undefined && Array.isArray(settings['resources']) && !identifiers.includes(canonical))
    fault(context, ['defaultResource'], 'is not one of the resources');
}

function entriesOf(entries: unknown): readonly JsonObject[] {
  return Array.isArray(entries) ? entries.map((entry: unknown) => (isJsonObject(entry) ? entry : {})) : [];
}

function keepsCredential(settings: JsonObject, index: number): boolean {
  const client = entriesOf(settings['clients'])[index] ?? {};
  return ['client_secret_hash', 'jwks', 'jwks_uri'].some((member) => client[member] !== undefined);
}

function fault(context: Context, path: PropertyKey[], message: string): void {
  context.addIssue({ code: 'custom', message, path });
}

/** The member `name` of each object of a list, where it is a text; an empty text elsewhere keeps the positions. */
function members(entries: unknown, name: string): readonly string[] {
  if (!Array.isArray(entries)) return [];
  return entries.map((entry: unknown) => {
    const value = isJsonObject(entry) ? entry[name] : undefined;
    return typeof value === 'string' ? value : '';
  });
}

function reportRepeated(names: readonly string[], report: (index: number) => void): void {
  names.forEach((name, index) => {
    if (name !== '' && names.indexOf(name) < index) report(index);
  });
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function isBelow(one: unknown, other: unknown): boolean {
  return typeof one === 'number' && typeof other === 'number' && one < other;
}
