import { type Form, isCanonicalBase64url, reject } from '../oauth/index.ts';
import { isEqualSecret, sha256 } from '../platform/index.ts';
import { parseAssertion } from './assertion.ts';
import { type Client, type ClientAuthenticationMethod, mayAuthenticateBy } from './client.ts';
import { type ClientAssertions, JWT_BEARER } from './client-assertion.ts';

/** The request parts in which a client proves itself (RFC 6749 §2.3). */
export interface ClientCredentials {
  readonly form: Form;
  /** The `Authorization` header; `undefined` when there is none. */
  readonly authorization: string | undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;

const PRIVATE_KEY_JWT = 'private_key_jwt';

/** Finds the client a request says it comes from. */
export type FindClient = (clientId: string) => Promise<Client | undefined>;

/**
 * Authenticates the client of a token or revocation request by exactly one method, which must be one of its own.
 * HTTP Basic credentials count form-encoded, as RFC 6749 §2.3.1 says, and raw, as most clients send them. With an
 * assertion the `client_id` may be left out (RFC 7523 §3).
 * @throws OAuthError `client_missing`, `client_unknown`, `client_id_mismatch`, `client_authentication_ambiguous`,
 *   `client_credentials_missing`, `client_credentials_wrong`, `client_credentials_malformed`,
 *   `client_authentication_method_wrong`, `client_assertion_invalid`, `client_assertion_replayed`.
 * @throws UnavailableError when the keys of the client cannot be had or nobody knows whether its assertion was used.
 */
export type ClientAuthentication = (credentials: ClientCredentials, findClient: FindClient) => Promise<Client>;

/** `assertions` absent: no client has keys here, and `private_key_jwt` is refused. */
export function createClientAuthentication(
  deps: { assertions?: ClientAssertions | undefined } = {},
): ClientAuthentication {
  const { assertions } = deps;
  return async function authenticateClient(credentials, findClient) {
    const { form, authorization } = credentials;
    const bodyId = form.get('client_id');
    const bodySecret = form.get('client_secret');
    const assertion = form.get('client_assertion');
    if (bodyId !== undefined && CONTROL.test(bodyId)) throw reject('client_unknown');
    if (assertion !== undefined || form.get('client_assertion_type') !== undefined) {
      if (authorization !== undefined || bodySecret !== undefined) throw reject('client_authentication_ambiguous');
      if (assertions === undefined) throw reject('client_authentication_method_wrong', { method: PRIVATE_KEY_JWT });
      return authenticateByKey(form, assertion, assertions, findClient);
    }
    if (authorization === undefined) {
      if (bodyId === undefined) throw reject('client_missing');
      const client = await findClient(bodyId);
      if (client === undefined) throw reject('client_unknown', { clientHash: sha256(bodyId) });
      return verifySecret(client, bodySecret === undefined ? 'none' : 'client_secret_post', [bodySecret]);
    }

    const basic = parseBasic(authorization);
    if (bodySecret !== undefined) throw reject('client_authentication_ambiguous');
    for (const candidate of basic) {
      const client = await findClient(candidate.id);
      if (client === undefined) continue;
      if (bodyId !== undefined && bodyId !== client.clientId) throw reject('client_id_mismatch');
      return verifySecret(
        client,
        'client_secret_basic',
        basic.filter((other) => other.id === candidate.id).map((other) => other.secret),
      );
    }
    throw reject('client_unknown');
  };
}

async function authenticateByKey(
  form: Form,
  assertion: string | undefined,
  assertions: ClientAssertions,
  findClient: FindClient,
): Promise<Client> {
  if (assertion === undefined || form.get('client_assertion_type') !== JWT_BEARER)
    throw reject('client_credentials_malformed');
  const parsed = parseAssertion(assertion);
  if (typeof parsed === 'string') throw reject('client_assertion_invalid', { fault: parsed });
  const { sub, iss } = parsed.claims;
  const bodyId = form.get('client_id');
  if (sub === undefined || CONTROL.test(sub)) throw reject('client_assertion_invalid', { fault: 'claims' });
  if (bodyId !== undefined && bodyId !== sub) throw reject('client_id_mismatch');
  if (iss !== sub) throw reject('client_assertion_invalid', { fault: 'issuer' });
  const client = await findClient(sub);
  if (client === undefined) throw reject('client_unknown', { clientHash: sha256(sub) });
  if (!mayAuthenticateBy(client, PRIVATE_KEY_JWT)) throw wrongMethod(client, PRIVATE_KEY_JWT);
  await assertions.verify(parsed, client);
  return client;
}

function verifySecret(
  client: Client,
  method: 'none' | 'client_secret_basic' | 'client_secret_post',
  secrets: readonly (string | undefined)[],
): Client {
  if (method === 'none') {
    if (mayAuthenticateBy(client, 'none')) return client;
    throw reject('client_credentials_missing', { expected: client.authenticationMethod });
  }
  const { secretHash } = client;
  if (!mayAuthenticateBy(client, method) || secretHash === undefined) throw wrongMethod(client, method);
  const isRight = secrets.some((secret) => secret !== undefined && isEqualSecret(sha256(secret), secretHash));
  if (!isRight) throw reject('client_credentials_wrong');
  return client;
}

function wrongMethod(client: Client, method: ClientAuthenticationMethod) {
  return reject('client_authentication_method_wrong', { expected: client.authenticationMethod, method });
}

/** Both readings of an HTTP Basic header: form-decoded (RFC 6749 §2.3.1), then as it stands (RFC 7617). */
function parseBasic(authorization: string): readonly { id: string; secret: string }[] {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1];
  if (encoded === undefined || !isBase64(encoded)) throw reject('client_credentials_malformed');
  const text = decodeUtf8(Buffer.from(encoded, 'base64'));
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon < 1) throw reject('client_credentials_malformed');
  const raw = { id: text.slice(0, colon), secret: text.slice(colon + 1) };
  if (raw.secret === '') throw reject('client_credentials_missing');
  const decoded = { id: formDecode(raw.id), secret: formDecode(raw.secret) };
  const readings = [decoded, raw].filter(isPrintable);
  return readings.length === 2 && decoded.id === raw.id && decoded.secret === raw.secret ? [raw] : readings;
}

/** RFC 7617 §2 allows no control character, and no store should have to meet one. */
function isPrintable(credentials: { id: string | undefined; secret: string | undefined }): credentials is {
  id: string;
  secret: string;
} {
  const { id, secret } = credentials;
  return id !== undefined && secret !== undefined && !CONTROL.test(id) && !CONTROL.test(secret);
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function isBase64(text: string): boolean {
  return isCanonicalBase64url(text.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_'));
}

function formDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
