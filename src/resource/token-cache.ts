/** Verified tokens, found by what they are. Bounded; the oldest half goes when it is full. */
export interface TokenCache<Entry extends { readonly token: string }> {
  find(token: string): Entry | undefined;
  add(entry: Entry): void;
  remove(token: string): void;
  clear(): void;
  readonly size: number;
}

/**
 * Length of the end of a token by which it is found. It is signature, so two tokens share it by accident only: 24
 * characters are 144 bits.
 */
const TAIL_LENGTH = 24;

/**
 * A cache of verified tokens. Hashing a whole token costs more than everything else on a hit, so a token is found by its
 * end and then compared as a whole: a token that only ends alike is a miss.
 */
export function createTokenCache<Entry extends { readonly token: string }>(capacity: number): TokenCache<Entry> {
  const half = Math.max(1, Math.floor(capacity / 2));
  // Two generations instead of a list in order of use: a hit writes nothing unless the entry is of the older one.
  let young = new Map<string, Entry>();
  let old = new Map<string, Entry>();

  function find(token: string): Entry | undefined {
    const tail = token.slice(-TAIL_LENGTH);
    const entry = young.get(tail);
    if (entry !== undefined) return entry.token === token ? entry : undefined;
    const older = old.get(tail);
    if (older === undefined || older.token !== token) return undefined;
    old.delete(tail);
    add(older);
    return older;
  }

  function add(entry: Entry): void {
    if (capacity < 1) return;
    if (young.size >= half) {
      old = young;
      young = new Map();
    }
    young.set(entry.token.slice(-TAIL_LENGTH), entry);
  }

  function remove(token: string): void {
    const tail = token.slice(-TAIL_LENGTH);
    for (const generation of [young, old]) if (generation.get(tail)?.token === token) generation.delete(tail);
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
