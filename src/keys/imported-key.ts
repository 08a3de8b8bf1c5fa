import { createPrivateKey, type JsonWebKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isJsonObject, type JsonObject, parseJsonObject } from '../oauth/index.ts';
import { findPublicKeyFault, isSigningAlg, toPublicJwk } from './key-material.ts';
import type { SigningAlg } from './key-ring.ts';
import { readNodeJoseKeyStore } from './node-jose-key-store.ts';
import { createLocalSigner, passesCanary } from './signer.ts';

/** A private key that was made elsewhere. */
export interface ImportedKey {
  /** RFC 7638 thumbprint: the kid it has here. */
  readonly kid: string;
  /** The kid it had in its file, when that is another one. */
  readonly formerKid?: string;
  readonly alg: SigningAlg;
  readonly privateJwk: JsonObject;
}

/** What a file holds: keys for signing, and what is none, by its kid or place. */
export interface KeyImport {
  readonly keys: readonly ImportedKey[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/** A file that holds no key that can be taken in; the message quotes nothing of it. */
export class KeyImportError extends Error {
  override readonly name = 'KeyImportError';
}

export interface KeyImportOptions {
  /** `pem`: PKCS#8, SEC 1 or PKCS#1, certificates beside it; `jwk`: a JWK or JWK Set (RFC 7517); found out when absent. */
  readonly format?: 'pem' | 'jwk' | 'node-jose';
  /** For RSA keys that do not say which; RS256 when absent. */
  readonly rsaAlg?: 'RS256' | 'PS256';
  /** Of an encrypted PEM. */
  readonly passphrase?: string;
}

const CURVE_ALGS: Readonly<Record<string, SigningAlg>> = { 'P-256': 'ES256', 'P-384': 'ES384', Ed25519: 'EdDSA' };
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;
const MAX_BYTES = 1_048_576;

/**
 * The signing keys of a file. A certificate must be of a private key beside it; it is checked and not kept.
 * @throws KeyImportError
 */
export async function parseImportedKeys(text: string, options: KeyImportOptions = {}): Promise<KeyImport> {
  if (text.length > MAX_BYTES) throw new KeyImportError('The file is too large for keys.');
  const format = options.format ?? (text.includes('-----BEGIN ') ? 'pem' : 'jwk');
  if (format === 'pem') return await describeAll(parsePem(text, options.passphrase), options);
  const candidates = format === 'node-jose' ? await readKeyStore(text) : parseJwks(text);
  return await describeAll(candidates, options);
}

interface Candidate {
  readonly name: string;
  readonly jwk: JsonObject;
}

async function describeAll(
  candidates: readonly Candidate[],
  { rsaAlg = 'RS256' }: KeyImportOptions,
): Promise<KeyImport> {
  const keys: ImportedKey[] = [];
  const skipped: { name: string; reason: string }[] = [];
  for (const { name, jwk } of candidates) {
    const outcome = await describeKey(jwk, rsaAlg);
    if (typeof outcome === 'string') skipped.push({ name, reason: outcome });
    else if (keys.some(({ kid }) => kid === outcome.kid)) skipped.push({ name, reason: 'duplicate_kid' });
    else keys.push(outcome);
  }
  if (keys.length > 0) return { keys, skipped };
  const reasons = skipped.map(({ name, reason }) => `${name} (${reason})`).join(', ');
  throw new KeyImportError(`The file holds no key that can sign here${reasons === '' ? '.' : `: ${reasons}`}`);
}

/** The key, or in one word why it cannot be taken in. */
async function describeKey(jwk: JsonObject, rsaAlg: SigningAlg): Promise<ImportedKey | string> {
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return 'not_for_signing';
  if (jwk['kty'] === 'oct') return 'symmetric_key';
  if (typeof jwk[jwk['kty'] === 'AKP' ? 'priv' : 'd'] !== 'string') return 'public_key_only';
  const alg = jwk['alg'] ?? (jwk['kty'] === 'RSA' ? rsaAlg : CURVE_ALGS[String(jwk['crv'])]);
  if (!isSigningAlg(alg)) return 'unsupported_algorithm';
  const privateKey = toPrivateKey(jwk);
  if (privateKey === undefined) return 'malformed_key';
  // As Node spells it: other members and other spellings stay behind.
  const privateJwk = privateKey.export({ format: 'jwk' }) as JsonObject;
  const publicJwk = await toPublicJwk(privateJwk, alg);
  const fault = await findPublicKeyFault(publicJwk);
  if (fault !== undefined) return fault;
  // Node takes a private half beside the public half of another key.
  if (!(await passesCanary(createLocalSigner(publicJwk, privateKey)))) return 'canary_failed';
  const { kid } = publicJwk;
  const formerKid = jwk['kid'];
  return { kid, alg, privateJwk, ...(typeof formerKid === 'string' && formerKid !== kid && { formerKid }) };
}

function toPrivateKey(jwk: JsonObject): KeyObject | undefined {
  try {
    return createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    // The cause would quote the key's members.
    return undefined;
  }
}

function parsePem(text: string, passphrase: string | undefined): readonly Candidate[] {
  const blocks = [...text.matchAll(PEM_BLOCK)].map(([block, label = '']) => ({ block, label }));
  const privateKeys = blocks
    .filter(({ label }) => label.endsWith('PRIVATE KEY'))
    .map(({ block }) => openPem(block, passphrase));
  const certificates = blocks.filter(({ label }) => label === 'CERTIFICATE');
  if (privateKeys.length === 0 && certificates.length > 0)
    throw new KeyImportError('The file holds a certificate without its private key: put both into one file.');
  for (const { block } of certificates) checkCertificate(block, privateKeys);
  return privateKeys.map((key, index) => ({
    name: `key ${index + 1}`,
    jwk: isExportable(key) ? (key.export({ format: 'jwk' }) as JsonObject) : { kty: key.asymmetricKeyType, d: '' },
  }));
}

// RSA-PSS keys (id-RSASSA-PSS) and the curves of other standards have no JWK.
function isExportable(key: KeyObject): boolean {
  try {
    key.export({ format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

function openPem(block: string, passphrase: string | undefined): KeyObject {
  const isEncrypted = block.includes('ENCRYPTED');
  if (isEncrypted && passphrase === undefined)
    throw new KeyImportError('The key is encrypted: give its passphrase with --passphrase-stdin.');
  try {
    return createPrivateKey({ key: block, format: 'pem', ...(passphrase !== undefined && { passphrase }) });
  } catch {
    throw new KeyImportError(
      isEncrypted
        ? 'The key cannot be decrypted with that passphrase.'
        : 'The file holds a private key that is damaged.',
    );
  }
}

function checkCertificate(block: string, keys: readonly KeyObject[]): void {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(block);
  } catch {
    throw new KeyImportError('The file holds a certificate that is damaged.');
  }
  // The chain above the certificate may lie beside it.
  if (!certificate.ca && !keys.some((key) => certificate.checkPrivateKey(key)))
    throw new KeyImportError('The file holds a certificate of another key.');
}

function parseJwks(text: string): readonly Candidate[] {
  const document = parseJsonObject(text);
  if (document === undefined) throw new KeyImportError('The file is neither PEM nor one JSON object.');
  return toCandidates(Array.isArray(document['keys']) ? document['keys'] : [document]);
}

async function readKeyStore(text: string): Promise<readonly Candidate[]> {
  const document = parseJsonObject(text);
  if (document === undefined) throw new KeyImportError('The file is not one JSON object.');
  return toCandidates(await readNodeJoseKeyStore(document));
}

function toCandidates(entries: readonly unknown[]): readonly Candidate[] {
  return entries.map((entry, index) => {
    const jwk = isJsonObject(entry) ? entry : {};
    const { kid } = jwk;
    return { name: typeof kid === 'string' && /^[\w.:-]{1,64}$/.test(kid) ? kid : `key ${index + 1}`, jwk };
  });
}
