import { type Form, isCanonicalBase64url, reject } from '../oauth/index.ts';
import { isEqualSecret, sha256 } from '../platform/index.ts';
import type { Client } from './client.ts';

/** The request parts in which a client proves itself (RFC 6749 §2.3). */
export interface ClientCredentials {
  readonly form: Form;
  /** The `Authorization` header; `undefined` when there is none. */
  readonly authorization: string | undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Authenticates the client of a token or revocation request by exactly the method it is registered with.
 * HTTP Basic credentials count form-encoded, as RFC 6749 §2.3.1 says, and raw, as most clients send them.
 * @throws OAuthError `client_missing`, `client_unknown`, `client_id_mismatch`, `client_authentication_ambiguous`,
 *   `client_credentials_missing`, `client_credentials_wrong`, `client_credentials_malformed`,
 *   `client_authentication_method_wrong`.
 */
export async function authenticateClient(
  credentials: ClientCredentials,
  findClient: (clientId: string) => Promise<Client | undefined>,
): Promise<Client> {
  const { form, authorization } = credentials;
  const bodyId = form.get('client_id');
  const bodySecret = form.get('client_secret');
  if (form.get('client_assertion') !== undefined || form.get('client_assertion_type') !== undefined) {
    throw reject('client_authentication_method_wrong', { method: 'client_assertion' });
  }
  if (bodyId !== undefined && CONTROL.test(bodyId)) throw reject('client_unknown');
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
}

function verifySecret(
  client: Client,
  method: 'none' | 'client_secret_basic' | 'client_secret_post',
  secrets: readonly (string | undefined)[],
): Client {
  const expected = client.authenticationMethod;
  if (expected === 'none' && method === 'none') return client;
  if (method === 'none') throw reject('client_credentials_missing', { expected });
  if (expected !== method || client.secretHash === undefined) {
    throw reject('client_authentication_method_wrong', { expected, method });
  }
  const { secretHash } = client;
  const isRight = secrets.some((secret) => secret !== undefined && isEqualSecret(sha256(secret), secretHash));
  if (!isRight) throw reject('client_credentials_wrong');
  return client;
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
