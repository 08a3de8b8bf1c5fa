/** Longest compact token we look at, in characters. */
export const MAX_COMPACT_LENGTH = 16_384;

// The last character of a base64url text whose length leaves spare bits must have those bits zero (RFC 4648 §3.5).
const LAST_OF_TWO = /[AQgw]$/;
const LAST_OF_THREE = /[AEIMQUYcgkosw048]$/;

/**
 * Whether `text` is the one spelling of the bytes it encodes: base64url without padding, white space or spare bits.
 * jose and Node accept other spellings of the same bytes, so this stands before every call into them.
 */
export function isCanonicalBase64url(text: string): boolean {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return false;
  const rest = text.length % 4;
  if (rest === 0) return true;
  if (rest === 1) return false;
  return (rest === 2 ? LAST_OF_TWO : LAST_OF_THREE).test(text);
}

/** The bytes of a text that is known to be canonical base64url. */
export function bytesOfBase64url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

/**
 * The canonical gate: the segments of a compact JWS (3) or JWE (5), or `undefined` when the text has another number of
 * segments, an empty one where there must be none, more than 16,384 characters, or is not the canonical spelling.
 * The encrypted key of a JWE is empty, as `dir` wants it (RFC 7516 §5.1).
 */
export function splitCompact(text: string, count: 3 | 5): readonly string[] | undefined {
  if (text.length > MAX_COMPACT_LENGTH) return undefined;
  const segments = text.split('.');
  if (segments.length !== count) return undefined;
  const isSound = segments.every((segment, index) =>
    count === 5 && index === 1 ? segment === '' : segment !== '' && isCanonicalBase64url(segment),
  );
  return isSound ? segments : undefined;
}
