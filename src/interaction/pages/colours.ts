import { type Asset, createAsset, findSurfaces } from './style.ts';

/** The operator's colour of links and buttons, as `#rrggbb`, on light and on dark pages. */
export interface Accent {
  readonly light: string;
  readonly dark: string;
}

const LEAST_CONTRAST = 4.5;

/**
 * Why a colour cannot be read on the pages, as a sentence about it; `undefined` when it can: 4.5:1 against all it stands
 * on (WCAG 2.2 §1.4.3).
 */
export function findAccentFault(accent: Accent, scheme: keyof Accent): string | undefined {
  const [surface, contrast] = findSurfaces(scheme)
    .map((colour) => [colour, contrastOf(accent[scheme], colour)] as const)
    .reduce((worst, other) => (other[1] < worst[1] ? other : worst));
  if (contrast >= LEAST_CONTRAST) return undefined;
  const way = scheme === 'light' ? 'darker' : 'lighter';
  return (
    `has a contrast of ${contrast.toFixed(2)}:1 to ${surface}, on which it is text; 4.5:1 is the least people can read. ` +
    `Choose a ${way} one`
  );
}

/** The stylesheet that puts the operator's colour in the place of ours. */
export function accentStyle({ light, dark }: Accent): Asset {
  const css = `:root{--mint:light-dark(${light},${dark});--on-mint:light-dark(${inkOn(light)},${inkOn(dark)})}\n`;
  return createAsset('accent', 'css', 'text/css; charset=utf-8', css);
}

/** Black or white, whichever is easier to read on a colour; one of them always has 4.5:1. */
function inkOn(colour: string): string {
  return contrastOf(colour, '#ffffff') >= contrastOf(colour, '#000000') ? '#ffffff' : '#000000';
}

/** WCAG 2.2, contrast ratio. */
function contrastOf(one: string, other: string): number {
  const [lower = 0, higher = 0] = [luminanceOf(one), luminanceOf(other)].toSorted((a, b) => a - b);
  return (higher + 0.05) / (lower + 0.05);
}

/** WCAG 2.2, relative luminance of `#rrggbb` or `#rgb`. */
function luminanceOf(colour: string): number {
  const digits = colour.length === 4 ? colour.replace(/[0-9a-f]/gi, '$&$&') : colour;
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(digits.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
