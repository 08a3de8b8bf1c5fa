import { encodeBase64url } from './base64url.ts';
import { nodeModule } from './node-module.ts';

/** A value, or a promise of it where the runtime has no synchronous way to it. */
export type Soon<T> = T | Promise<T>;

/** Makes HMAC-SHA-256 values (RFC 2104) under one key. */
export type Hmac = (text: string) => Soon<Uint8Array>;

const nodeCrypto = nodeModule('node:crypto');
const encoder = new TextEncoder();

/** SHA-256 of a text, in base64url. */
export function sha256(text: string): Soon<string> {
  if (nodeCrypto !== undefined) return nodeCrypto.createHash('sha256').update(text).digest('base64url');
  return crypto.subtle.digest('SHA-256', encoder.encode(text)).then((bytes) => encodeBase64url(new Uint8Array(bytes)));
}

/** HMAC-SHA-256 under `key`. */
export function createHmac(key: Uint8Array<ArrayBuffer>): Hmac {
  if (nodeCrypto !== undefined) return (text) => nodeCrypto.createHmac('sha256', key).update(text).digest();
  let imported: Promise<CryptoKey> | undefined;
  return async (text) => {
    imported ??= crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    return new Uint8Array(await crypto.subtle.sign('HMAC', await imported, encoder.encode(text)));
  };
}
