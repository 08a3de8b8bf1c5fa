import type { KeyRing, SecretKey } from '../keys/index.ts';
import { isCanonicalBase64url } from '../oauth/index.ts';
import { hmacSha256, isEqualSecret, sha256 } from '../platform/index.ts';

/** A refresh token whose MAC was verified: made by us, not necessarily live. */
export interface OpenedRefreshToken {
  readonly familyId: string;
  readonly generation: number;
  /** 16 random bytes shared by all tokens of the family; the store knows its hash only. */
  readonly nonce: string;
  readonly nonceHash: string;
}

const PREFIX = 'gmr_';
// key reference 6 · family 16 · generation 4 · nonce 16 · MAC 16
const BYTES = 58;
const MACED = 42;

/**
 * Refresh tokens: `gmr_` and 58 bytes in base64url. Nothing of a token is stored: it can be made again from family id,
 * generation, nonce and the refresh key. Forging one takes the key and the nonce, and the store holds neither.
 */
export interface RefreshTokens {
  /** The token of one generation, under the refresh key `keyId`. `undefined` when that key is gone. */
  write(token: { familyId: string; generation: number; nonce: string; keyId: string }): string | undefined;
  /** Reads a presented token; `undefined` for anything we did not make, in its one spelling. No I/O. */
  open(text: string): OpenedRefreshToken | undefined;
  /** Whether a text claims to be one of ours, by its prefix. */
  looksLikeOurs(text: string): boolean;
}

export function createRefreshTokens(deps: { keys: KeyRing }): RefreshTokens {
  const { keys } = deps;

  function write(token: { familyId: string; generation: number; nonce: string; keyId: string }): string | undefined {
    const key = keys.findSecret('refresh', token.keyId);
    if (key === undefined) return undefined;
    const body = Buffer.alloc(BYTES);
    keyReference(key).copy(body, 0);
    Buffer.from(token.familyId, 'base64url').copy(body, 6);
    body.writeUInt32BE(token.generation, 22);
    Buffer.from(token.nonce, 'base64url').copy(body, 26);
    mac(key, body).copy(body, MACED);
    return PREFIX + body.toString('base64url');
  }

  function open(text: string): OpenedRefreshToken | undefined {
    const encoded = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : '';
    if (encoded.length !== 78 || !isCanonicalBase64url(encoded)) return undefined;
    const body = Buffer.from(encoded, 'base64url');
    const reference = body.subarray(0, 6);
    const key = keys.secrets('refresh').find((candidate) => keyReference(candidate).equals(reference));
    if (key === undefined) return undefined;
    if (!isEqualSecret(mac(key, body).toString('base64url'), body.subarray(MACED).toString('base64url')))
      return undefined;
    const nonce = body.subarray(26, MACED).toString('base64url');
    return {
      familyId: body.subarray(6, 22).toString('base64url'),
      generation: body.readUInt32BE(22),
      nonce,
      nonceHash: sha256(nonce),
    };
  }

  return { write, open, looksLikeOurs: (text) => text.startsWith(PREFIX) };
}

function keyReference(key: SecretKey): Buffer {
  return Buffer.from(key.kid, 'base64url').subarray(0, 6);
}

function mac(key: SecretKey, body: Buffer): Buffer {
  return hmacSha256(
    key.secret,
    Buffer.concat([Buffer.from('guardmint refresh token\0'), body.subarray(0, MACED)]),
  ).subarray(0, 16);
}
