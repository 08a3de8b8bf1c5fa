// Control, direction, zero-width and tag characters, unassigned ones and lone surrogates.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Whether a text that a client chose may be shown to a person: it looks like what it is. */
export function isShownText(text: string): boolean {
  return !UNPRINTABLE.test(text);
}
