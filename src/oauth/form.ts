/** The parameters of a request: form-encoded text from a query or a body, read once (RFC 6749 §3.1, appendix B). */
export interface Form {
  /** The value of a parameter; a parameter without a value counts as absent (RFC 6749 §3.1). */
  get(name: string): string | undefined;
  /** Every value of a parameter that may appear more than once (`resource`, RFC 8707 §2; `audience`, RFC 8693 §2.1). */
  getAll(name: string): readonly string[];
  /** Names that appear more than once although they must not. */
  readonly repeated: readonly string[];
}

const MAY_REPEAT = new Set(['resource', 'audience']);

/** Reads `application/x-www-form-urlencoded` text. Names are plain text: brackets and dots mean nothing. */
export function parseForm(text: string): Form {
  const values = new Map<string, string[]>();
  const repeated = new Set<string>();
  // URLSearchParams takes one leading "?" for the mark of a query.
  for (const [name, value] of new URLSearchParams(text.startsWith('?') ? `?${text}` : text)) {
    const seen = values.get(name);
    if (seen === undefined) {
      values.set(name, [value]);
      continue;
    }
    seen.push(value);
    if (!MAY_REPEAT.has(name)) repeated.add(name);
  }
  const getAll = (name: string): readonly string[] => (values.get(name) ?? []).filter((value) => value !== '');
  return { get: (name) => getAll(name)[0], getAll, repeated: [...repeated] };
}
