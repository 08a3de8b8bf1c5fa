import { isJsonObject, type JsonObject, parseJsonBytes, parseJsonObject } from '../../oauth/index.ts';
import { sha256 } from '../../platform/index.ts';
import type { ExternalKey } from '../external/external-key-store.ts';
import { type KeyAlg, KeyRefusedError, type StoredKey } from '../key-backend.ts';
import { isSigningAlg, toPublicJwk } from '../key-material.ts';
import type { KeyFamily, KeyTimes } from '../key-ring.ts';
import type { KeyEncryption } from './key-encryption.ts';

const FORMAT = 'guardmint-key';
const VERSION = 1;
const SEAL_TYPE = 'guardmint-key+jwe';
const SLOT =
  /^(signing|sealing|client|refresh)-(ES256|ES384|EdDSA|RS256|PS256|ML-DSA-44|A256GCM|HS256)-([1-9][0-9]{0,8})\.json$/;
const TIMES = ['createdAt', 'publishAt', 'activateAt', 'retireAt', 'removeAt'] as const;

/** A key file, opened: what may be known beside what must not. */
export interface KeyFile {
  readonly key: StoredKey;
  /** The private JWK (RFC 7517). Not there when a store has the private half, or once it was deleted. */
  readonly privateJwk?: JsonObject;
}

/** How a key file lies there: `clear`, under the key encryption key for writing, or under one for reading only. */
export type KeyFileProtection = 'clear' | 'current' | 'previous';

/** What the name of a key file says. */
export interface SlotPlace {
  readonly family: KeyFamily;
  readonly alg: KeyAlg;
  readonly epoch: number;
}

/** The file name of a key: `signing-ES256-3.json`. */
export function slotOf({ family, alg, epoch }: SlotPlace): string {
  return `${family}-${alg}-${epoch}.json`;
}

/** What a file name says; `undefined` when it is not one of ours. */
export function parseSlot(slot: string): SlotPlace | undefined {
  const [, family, alg = '', epoch] = SLOT.exec(slot) ?? [];
  if (family === undefined) return undefined;
  return { family: family as KeyFamily, alg: alg as KeyAlg, epoch: Number(epoch) };
}

export interface KeyFileFormatDeps {
  /** Absent: private keys lie in clear, protected by the mode of the file alone. */
  readonly encryption?: KeyEncryption;
  /** Whether a file in clear is read although there is an encryption. */
  readonly acceptsClear: boolean;
}

/** Text of key files and back. */
export interface KeyFileFormat {
  /** The text of a key file: encrypted when there is an encryption. */
  format(file: KeyFile): Promise<string>;
  /**
   * Reads a key file that stands under the name `slot`.
   * @throws KeyRefusedError for a text that is torn, foreign, of another version, contradicts its name, or was changed
   * by somebody without the key encryption key.
   */
  parse(text: string, slot: string): Promise<KeyFile>;
  /** How the text of a key file that can be read is protected. */
  protectionOf(text: string): KeyFileProtection;
}

/**
 * Key files with the private JWK in a JWE whose protected header says which key it is of and holds a digest of the public
 * members. So a file that was swapped, edited or put together from two is detected, as long as there is an encryption. A
 * key whose private half is gone has a JWE without content (`proof`) for the same reason: nobody revives a revoked key.
 */
export function createKeyFileFormat({ encryption, acceptsClear }: KeyFileFormatDeps): KeyFileFormat {
  async function format({ key, privateJwk }: KeyFile): Promise<string> {
    const { slot: _, ...members } = key;
    const file = { format: FORMAT, version: VERSION, ...members };
    if (encryption === undefined) {
      const clear = privateJwk && { private: { protection: 'none', jwk: privateJwk } };
      return `${JSON.stringify({ ...file, ...clear }, null, 2)}\n`;
    }
    const content = Buffer.from(privateJwk === undefined ? '' : JSON.stringify(privateJwk));
    const jwe = await encryption.seal(content, bindingOf(key));
    const sealed = privateJwk === undefined ? { proof: jwe } : { private: { protection: 'jwe', jwe } };
    return `${JSON.stringify({ ...file, ...sealed }, null, 2)}\n`;
  }

  async function parse(text: string, slot: string): Promise<KeyFile> {
    const refuse = (reason: string) => new KeyRefusedError(slot, reason);
    const file = parseJsonObject(text);
    if (file === undefined) throw refuse('malformed_json');
    const key = await parsePublicPart(file, slot, refuse);
    const stored = parseStoredPart(file, refuse);
    const isElsewhere = key.external !== undefined;
    const isGone = isElsewhere || key.destroyedAt !== undefined || key.revokedAt !== undefined;
    if (isElsewhere && stored.jwk !== undefined) throw refuse('malformed_key');
    if (stored.jwe === undefined) {
      if (stored.jwk === undefined && !isGone) throw refuse('private_half_missing');
      if (encryption !== undefined && !acceptsClear) throw refuse('not_encrypted');
      return { key, ...(stored.jwk && { privateJwk: stored.jwk }) };
    }
    if (encryption === undefined) throw refuse('secret_missing');
    const opened = await encryption.open(stored.jwe);
    if (opened === 'unknown') throw refuse('secret_unknown');
    if (opened === 'tampered') throw refuse('decryption_failed');
    const binding = Object.entries(bindingOf(key));
    if (!binding.every(([name, value]) => opened.header[name] === value)) throw refuse('binding_mismatch');
    if (opened.content.length === 0) {
      if (!isGone) throw refuse('private_half_missing');
      return { key };
    }
    const privateJwk = parseJsonBytes(opened.content);
    if (isElsewhere || !isJsonObject(privateJwk)) throw refuse('malformed_key');
    return { key, privateJwk };
  }

  return {
    format,
    parse,
    protectionOf(text) {
      const { jwe } = parseStoredPart(parseJsonObject(text) ?? {}, (reason) => new KeyRefusedError('', reason));
      if (jwe === undefined) return 'clear';
      return encryption?.isCurrent(jwe) === true ? 'current' : 'previous';
    },
  };
}

/** What the JWE of a key is bound to: family, kid, alg and number, and every other public member by its digest. */
function bindingOf({ slot: _, ...key }: StoredKey): JsonObject {
  const { kid, family, alg, epoch, publicJwk, revokedAt, destroyedAt, external } = key;
  const times = [...TIMES.map((name) => key[name]), revokedAt ?? null, destroyedAt ?? null];
  const content = [
    kid,
    family,
    alg,
    epoch,
    times,
    publicJwk === undefined ? null : Object.entries(publicJwk).sort(([one], [other]) => (one < other ? -1 : 1)),
    ...(external === undefined ? [] : [[external.store, external.id]]),
  ];
  return { typ: SEAL_TYPE, family, key: kid, key_alg: alg, epoch, digest: sha256(JSON.stringify(content)) };
}

async function parsePublicPart(
  file: JsonObject,
  slot: string,
  refuse: (reason: string) => KeyRefusedError,
): Promise<StoredKey> {
  const place = parseSlot(slot);
  if (file['format'] !== FORMAT || place === undefined) throw refuse('foreign_file');
  if (file['version'] !== VERSION) throw refuse('unknown_version');
  const { family, alg, epoch } = place;
  if (file['family'] !== family || file['alg'] !== alg || file['epoch'] !== epoch) throw refuse('slot_mismatch');
  if (isSigningAlg(alg) !== (family === 'signing')) throw refuse('key_type_mismatch');
  const times = parseTimes(file);
  if (times === undefined) throw refuse('malformed_times');
  const { kid } = file;
  if (typeof kid !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(kid)) throw refuse('malformed_kid');
  const external = parseExternal(file['external'], refuse);
  if (external !== undefined && family !== 'signing') throw refuse('key_type_mismatch');
  const key: StoredKey = { kid, family, alg, epoch, slot, ...times, ...(external && { external }) };
  if (!isSigningAlg(alg)) return key;
  if (!isJsonObject(file['publicJwk'])) throw refuse('malformed_key');
  const publicJwk = await toPublicJwk(file['publicJwk'], alg).catch(() => undefined);
  if (publicJwk === undefined) throw refuse('malformed_key');
  if (publicJwk.kid !== kid) throw refuse('kid_mismatch');
  return { ...key, publicJwk };
}

function parseExternal(value: unknown, refuse: (reason: string) => KeyRefusedError): ExternalKey | undefined {
  if (value === undefined) return undefined;
  const { store, id } = isJsonObject(value) ? value : {};
  if (typeof store !== 'string' || typeof id !== 'string') throw refuse('malformed_key');
  if (!/^[a-z0-9-]{1,32}$/.test(store) || !/^[\x21-\x7e]{1,2048}$/.test(id)) throw refuse('malformed_key');
  return { store, id };
}

/** The private JWK as it is stored: in clear, in a JWE, or gone, then maybe with a JWE that proves it. */
function parseStoredPart(
  { private: part, proof }: JsonObject,
  refuse: (reason: string) => KeyRefusedError,
): { readonly jwk?: JsonObject; readonly jwe?: string } {
  if (part === undefined && proof === undefined) return {};
  if (part === undefined) {
    if (typeof proof !== 'string') throw refuse('malformed_key');
    return { jwe: proof };
  }
  if (!isJsonObject(part) || proof !== undefined) throw refuse('malformed_key');
  const { protection, jwk, jwe } = part;
  if (protection === 'none' && isJsonObject(jwk)) return { jwk };
  if (protection === 'jwe' && typeof jwe === 'string') return { jwe };
  throw refuse(protection === 'none' || protection === 'jwe' ? 'malformed_key' : 'unknown_protection');
}

function parseTimes(file: JsonObject): KeyTimes | undefined {
  const moments = TIMES.map((name) => file[name]);
  if (!moments.every(isMoment)) return undefined;
  const [createdAt = 0, publishAt = 0, activateAt = 0, retireAt = 0, removeAt = 0] = moments;
  if (publishAt > activateAt || activateAt > retireAt || retireAt > removeAt) return undefined;
  const { revokedAt, destroyedAt } = file;
  if (revokedAt !== undefined && !isMoment(revokedAt)) return undefined;
  if (destroyedAt !== undefined && !isMoment(destroyedAt)) return undefined;
  return {
    createdAt,
    publishAt,
    activateAt,
    retireAt,
    removeAt,
    ...(revokedAt !== undefined && { revokedAt }),
    ...(destroyedAt !== undefined && { destroyedAt }),
  };
}

function isMoment(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
