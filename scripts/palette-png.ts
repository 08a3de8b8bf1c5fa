import { constants, crc32, deflateSync } from 'node:zlib';

/** Pixels of a picture: four bytes each, red, green, blue, alpha; alpha is ignored. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

// How many colours there are, and how far (as the square of the distance) each is from those before it: first the frequent
// ones with their soft shades, then room for what is rare, such as a sign in a colour of its own.
const PALETTE = [
  { size: 28, apart: 5 },
  { size: 56, apart: 400 },
];

/**
 * A PNG with a palette (PNG §11.2.2): a quarter of the size of one in full colour, and for pages, which are plain areas and the
 * edges of letters, no eye sees the difference. Colours that are not in it become the nearest that is.
 */
export function encodePalettePng({ width, height, data }: Pixels): Buffer {
  const colours = new Uint32Array(width * height);
  const counts = new Map<number, number>();
  for (let at = 0; at < colours.length; at++) {
    const colour = ((data[4 * at] ?? 0) << 16) | ((data[4 * at + 1] ?? 0) << 8) | (data[4 * at + 2] ?? 0);
    colours[at] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const frequent = [...counts].toSorted(([, one], [, other]) => other - one).map(([colour]) => colour);
  const palette: number[] = [];
  for (const { size, apart } of PALETTE) {
    for (const colour of frequent) {
      if (palette.length < size && palette.every((other) => distanceOf(colour, other) > apart)) palette.push(colour);
    }
  }
  const indexes = new Map(palette.map((colour, index) => [colour, index]));

  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = colours[y * width + x] ?? 0;
      let index = indexes.get(colour);
      if (index === undefined) {
        index = nearest(palette, colour);
        indexes.set(colour, index);
      }
      rows[y * (width + 1) + 1 + x] = index;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]))),
    chunk('IDAT', deflateSync(rows, { level: constants.Z_BEST_COMPRESSION })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function nearest(palette: readonly number[], colour: number): number {
  const distances = palette.map((other) => distanceOf(colour, other));
  return distances.indexOf(Math.min(...distances));
}

function distanceOf(one: number, other: number): number {
  return [16, 8, 0].reduce((sum, bits) => sum + (((one >> bits) & 255) - ((other >> bits) & 255)) ** 2, 0);
}

function chunk(type: string, content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const named = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, check]);
}
