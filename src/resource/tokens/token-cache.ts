/** Verified tokens, found by what they are. Bounded; the oldest half goes when it is full. */
export interface TokenCache<Entry extends { readonly token: string }> {
  find(token: string): Entry | undefined;
  add(entry: Entry): void;
  remove(token: string): void;
  clear(): void;
  readonly size: number;
}

/**
 * A cache of verified tokens. Hashing a whole token costs more than everything else on a hit, so a token is found by a
 * number made of its end, which is signature and as good as random, and then compared as a whole: a token that only ends
 * alike is a miss, never a hit.
 */
export function createTokenCache<Entry extends { readonly token: string }>(capacity: number): TokenCache<Entry> {
  const half = Math.max(1, Math.floor(capacity / 2));
  // Two generations instead of a list in order of use: a hit writes nothing unless the entry is of the older one.
  let young = new Map<number, Entry>();
  let old = new Map<number, Entry>();

  function find(token: string): Entry | undefined {
    const place = placeOf(token);
    const entry = young.get(place);
    if (entry !== undefined && entry.token === token) return entry;
    const older = old.get(place);
    if (older === undefined || older.token !== token) return undefined;
    old.delete(place);
    add(older);
    return older;
  }

  function add(entry: Entry): void {
    if (capacity < 1) return;
    if (young.size >= half) {
      old = young;
      young = new Map();
    }
    young.set(placeOf(entry.token), entry);
  }

  function remove(token: string): void {
    const place = placeOf(token);
    for (const generation of [young, old]) if (generation.get(place)?.token === token) generation.delete(place);
  }

  function clear(): void {
    young = new Map();
    old = new Map();
  }

  return {
    find,
    add,
    remove,
    clear,
    get size() {
      return young.size + old.size;
    },
  };
}

/** A number of at most 30 bits made of eight characters before the last, which has spare bits. */
function placeOf(token: string): number {
  const end = token.length - 1;
  let place = 0;
  for (let index = Math.max(0, end - 8); index < end; index++)
    place = (place * 37 + token.charCodeAt(index)) & 0x3fffffff;
  return place;
}
