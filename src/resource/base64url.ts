/**
 * The bytes of a base64url text, or `undefined` when it is not their one spelling (RFC 7515 §2, RFC 4648 §3.5). Says the
 * same as `isCanonicalBase64url`, by encoding again and comparing, which is several times faster on long texts.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
