import { isJsonObject, type JsonObject, parseJsonObject } from '../../oauth/index.ts';
import { type KeyAlg, KeyRefusedError, type StoredKey } from '../key-backend.ts';
import { isSigningAlg, toPublicJwk } from '../key-material.ts';
import type { KeyFamily, KeyTimes } from '../key-ring.ts';

const FORMAT = 'guardmint-key';
const VERSION = 1;
const SLOT = /^(signing|sealing|client|refresh)-(ES256|ES384|EdDSA|RS256|PS256|A256GCM|HS256)-([1-9][0-9]{0,8})\.json$/;
const TIMES = ['createdAt', 'publishAt', 'activateAt', 'retireAt', 'removeAt'] as const;

/** A private JWK (RFC 7517) with the way it is protected at rest; `none` means by the mode of the file alone. */
export interface PrivatePart {
  readonly protection: 'none';
  readonly jwk: JsonObject;
}

/** A key file: what may be known beside what must not. */
export interface KeyFile {
  readonly key: StoredKey;
  /** Not there any more once the private half was deleted. */
  readonly private?: PrivatePart;
}

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

/** The text of a key file. */
export function formatKeyFile({ key, private: privatePart }: KeyFile): string {
  const { slot: _, ...members } = key;
  return `${JSON.stringify({ format: FORMAT, version: VERSION, ...members, private: privatePart }, null, 2)}\n`;
}

/**
 * Reads a key file that stands under the name `slot`.
 * @throws KeyRefusedError for a text that is torn, foreign, of another version, or contradicts its name.
 */
export async function parseKeyFile(text: string, slot: string): Promise<KeyFile> {
  const refuse = (reason: string) => new KeyRefusedError(slot, reason);
  const file = parseJsonObject(text);
  if (file === undefined) throw refuse('malformed_json');
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
  const privatePart = parsePrivatePart(file['private'], refuse);
  const isGone = times.destroyedAt !== undefined || times.revokedAt !== undefined;
  if (privatePart === undefined && !isGone) throw refuse('private_half_missing');
  const key: StoredKey = { kid, family, alg, epoch, slot, ...times };
  if (!isSigningAlg(alg)) return { key, ...(privatePart && { private: privatePart }) };
  if (!isJsonObject(file['publicJwk'])) throw refuse('malformed_key');
  const publicJwk = await toPublicJwk(file['publicJwk'], alg).catch(() => undefined);
  if (publicJwk === undefined) throw refuse('malformed_key');
  if (publicJwk.kid !== kid) throw refuse('kid_mismatch');
  return { key: { ...key, publicJwk }, ...(privatePart && { private: privatePart }) };
}

function parsePrivatePart(value: unknown, refuse: (reason: string) => KeyRefusedError): PrivatePart | undefined {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) throw refuse('malformed_key');
  const { protection, jwk } = value;
  if (protection !== 'none') throw refuse('unknown_protection');
  if (!isJsonObject(jwk)) throw refuse('malformed_key');
  return { protection, jwk };
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
