import { createHash, createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';

/** SHA-256 of a text (as UTF-8) or of bytes, in base64url: 43 characters. */
export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** HMAC-SHA-256 (RFC 2104) under a secret key: 32 bytes. */
export function hmacSha256(key: KeyObject | Uint8Array, text: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Whether two texts are equal, in time that depends on their lengths only. */
export function isEqualSecret(one: string, other: string): boolean {
  const left = Buffer.from(one);
  const right = Buffer.from(other);
  return left.length === right.length && timingSafeEqual(left, right);
}
