import { createHash } from 'node:crypto';
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader, errors } from 'jose';
import { isCanonicalBase64url, type JsonObject } from '../../oauth/index.ts';

/**
 * What protects private keys at rest: encryption under a key of the operator's, which is kept elsewhere. Whoever brings
 * another kind (a KMS, an HSM) implements this.
 */
export interface KeyEncryption {
  /** Encrypts under the key for writing, with `header` bound to the content: compact JWE (RFC 7516 §7.1). */
  seal(content: Uint8Array, header: JsonObject): Promise<string>;
  /**
   * The content and the header of what any of the keys sealed; `unknown` when none of them did, `tampered` when the
   * text is not what was sealed.
   */
  open(jwe: string): Promise<OpenedSeal | 'unknown' | 'tampered'>;
  /** Whether the text was sealed under the key that is used for writing. */
  isCurrent(jwe: string): boolean;
}

/** What was sealed, with the header that was bound to it. */
export interface OpenedSeal {
  readonly content: Uint8Array;
  readonly header: JsonObject;
}

/** A key encryption key: 32 bytes, or a passphrase. */
export interface KeyEncryptionKey {
  /** Names it in the header. For a passphrase always the same word: a digest could be guessed faster than PBES2 allows. */
  readonly id: string;
  readonly alg: 'A256GCMKW' | 'PBES2-HS512+A256KW';
  readonly secret: Uint8Array;
}

/** A secret that cannot be a key encryption key; the message does not quote it. */
export class KeySecretError extends Error {
  override readonly name = 'KeySecretError';
}

const PASSPHRASE = 'passphrase:';
const MIN_PASSPHRASE = 16;
const MAX_SECRETS = 8;
const ENCRYPTION = 'A256GCM';
/** PBKDF2-HMAC-SHA-512 rounds for what we write: about a tenth of a second. */
const PBES2_COUNT = 210_000;
// What lies in the folder may have been written by somebody else: no work beyond this is done for it.
const MAX_PBES2_COUNT = 1_000_000;

/**
 * The keys of a secret: one per line, the first for writing, all of them for reading. A line is 32 bytes in base64url,
 * or `passphrase:` and at least 16 characters.
 * @throws KeySecretError
 */
export function parseKeySecret(text: string): readonly [KeyEncryptionKey, ...KeyEncryptionKey[]] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (lines.length > MAX_SECRETS) throw new KeySecretError(`has more than ${MAX_SECRETS} lines`);
  const [first, ...others] = lines.map((line) => parseLine(line));
  if (first === undefined) throw new KeySecretError('is empty');
  return [first, ...others];
}

function parseLine(line: string): KeyEncryptionKey {
  return line.startsWith(PASSPHRASE) ? passphraseKey(line) : rawKey(line.trim());
}

function passphraseKey(line: string): KeyEncryptionKey {
  const passphrase = line.slice(PASSPHRASE.length).normalize('NFKC');
  if (passphrase.length < MIN_PASSPHRASE)
    throw new KeySecretError(`has a passphrase of fewer than ${MIN_PASSPHRASE} characters`);
  return { id: 'passphrase', alg: 'PBES2-HS512+A256KW', secret: Buffer.from(passphrase) };
}

function rawKey(line: string): KeyEncryptionKey {
  const secret = Buffer.from(line, 'base64url');
  if (!isCanonicalBase64url(line) || secret.length !== 32)
    throw new KeySecretError(
      'must be 32 bytes in base64url (43 characters), or "passphrase:" and 16 or more characters',
    );
  // A digest of 256 random bits tells nothing about them.
  const id = createHash('sha256')
    .update('guardmint key encryption key')
    .update(secret)
    .digest('base64url')
    .slice(0, 16);
  return { id, alg: 'A256GCMKW', secret };
}

/** Encryption under keys of this process; the first writes, all of them read. */
export function createKeyEncryption(keys: readonly [KeyEncryptionKey, ...KeyEncryptionKey[]]): KeyEncryption {
  const [current] = keys;

  async function open(jwe: string): Promise<OpenedSeal | 'unknown' | 'tampered'> {
    const header = readHeader(jwe);
    if (header === undefined) return 'tampered';
    const candidates = keys.filter((key) => key.id === header['kid'] && key.alg === header['alg']);
    for (const key of candidates) {
      const opened = await openWith(key, jwe);
      if (opened !== undefined) return opened;
    }
    // A wrong passphrase and a changed text look alike.
    return candidates.some(({ alg }) => alg === 'A256GCMKW') ? 'tampered' : 'unknown';
  }

  return {
    open,
    async seal(content, header) {
      const { id, alg, secret } = current;
      const jwe = new CompactEncrypt(content).setProtectedHeader({ ...header, alg, enc: ENCRYPTION, kid: id });
      if (alg === 'PBES2-HS512+A256KW') jwe.setKeyManagementParameters({ p2c: PBES2_COUNT });
      return await jwe.encrypt(secret);
    },
    isCurrent(jwe) {
      const header = readHeader(jwe);
      return header !== undefined && header['kid'] === current.id && header['alg'] === current.alg;
    },
  };
}

async function openWith({ alg, secret }: KeyEncryptionKey, jwe: string): Promise<OpenedSeal | undefined> {
  try {
    const { plaintext, protectedHeader } = await compactDecrypt(jwe, secret, {
      keyManagementAlgorithms: [alg],
      contentEncryptionAlgorithms: [ENCRYPTION],
      maxPBES2Count: MAX_PBES2_COUNT,
      maxDecompressedLength: 0,
    });
    return { content: plaintext, header: protectedHeader };
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof DOMException) return undefined;
    throw error;
  }
}

function readHeader(jwe: string): JsonObject | undefined {
  try {
    return decodeProtectedHeader(jwe);
  } catch {
    return undefined;
  }
}
