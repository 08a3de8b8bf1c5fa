import { type Asset, createAsset } from './style.ts';

/** How large the file of a logo may be, in bytes: every person who signs in loads it. */
export const MAX_LOGO_SIZE = 262_144;

/**
 * The operator's logo as a file of ours, `undefined` for anything but PNG, WebP and SVG. What it is says the file and not its
 * name. An SVG is shown as an image, in which no browser runs a script or loads anything; opened by itself its own policy keeps it
 * from that.
 */
export function readLogo(file: Uint8Array): Asset | undefined {
  const bytes = Buffer.from(file);
  const starts = (text: string, at = 0) => bytes.subarray(at, at + text.length).toString('latin1') === text;
  if (starts('\x89PNG\r\n\x1a\n')) return createAsset('logo', 'png', 'image/png', bytes);
  if (starts('RIFF') && starts('WEBP', 8)) return createAsset('logo', 'webp', 'image/webp', bytes);
  const head = bytes.subarray(0, 1_024).toString('utf8');
  const isSvg = /^\ufeff?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg[\s>]/i.test(head);
  return isSvg ? createAsset('logo', 'svg', 'image/svg+xml', bytes) : undefined;
}
