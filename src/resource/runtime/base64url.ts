import { bytesOfBase64url, isCanonicalBase64url } from '../../oauth/index.ts';
import { nodeModule } from './node-module.ts';

const NodeBuffer = nodeModule('node:buffer')?.Buffer;

/**
 * The bytes of a base64url text, or `undefined` when it is not their one spelling (RFC 7515 §2, RFC 4648 §3.5). Says the
 * same as `isCanonicalBase64url`; where Node's Buffer is at hand by encoding again and comparing, which is several times
 * faster on long texts.
 */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (NodeBuffer === undefined) return isCanonicalBase64url(text) ? bytesOfBase64url(text) : undefined;
  const bytes = NodeBuffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/** Bytes as base64url without padding. */
export function encodeBase64url(bytes: Uint8Array): string {
  if (NodeBuffer !== undefined) return NodeBuffer.from(bytes).toString('base64url');
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}

const encoder = new TextEncoder();

/** The bytes of a text of ASCII characters. */
export function asciiBytes(text: string): Uint8Array<ArrayBuffer> {
  return NodeBuffer === undefined ? encoder.encode(text) : NodeBuffer.from(text, 'latin1');
}
