import { isJsonObject } from '../oauth/index.ts';
import { type ForeignKey, type ForeignKeyFault, parseForeignKey } from './foreign-key.ts';

/** Keys of somebody else, wherever they lie. */
export interface JwkSet {
  /**
   * The keys that may have made a signature with this header, at most four: those of its `kid`, or without a `kid`, or
   * where no key has it, those without one. Empty: the key is unknown.
   * @throws UnavailableError when the keys lie elsewhere and cannot be had.
   */
  find(header: SignatureHeader): Promise<readonly ForeignKey[]>;
}

/** What a JWS header says of its key (RFC 7515 §4.1). */
export interface SignatureHeader {
  readonly alg: string;
  readonly kid?: string;
}

/** The keys of a JWK Set that can be used, and why the others cannot. */
export interface ForeignKeys {
  readonly usable: readonly ForeignKey[];
  readonly refused: readonly ForeignKeyFault[];
}

/** Signatures one assertion may cost us. */
const MAX_CANDIDATES = 4;
const MAX_KEYS = 100;

/**
 * Reads a JWK Set (RFC 7517 §5). Keys that cannot be used are left out, two keys under one kid both of them. `undefined`
 * when it is no JWK Set or has more than 100 keys.
 */
export function parseForeignKeys(document: unknown): ForeignKeys | undefined {
  if (!isJsonObject(document) || !Array.isArray(document['keys'])) return undefined;
  const jwks: readonly unknown[] = document['keys'];
  if (jwks.length > MAX_KEYS) return undefined;
  const kids = jwks.map((jwk) => (isJsonObject(jwk) ? jwk['kid'] : undefined));
  const usable: ForeignKey[] = [];
  const refused: ForeignKeyFault[] = [];
  for (const [index, jwk] of jwks.entries()) {
    const kid = kids[index];
    const isRepeated = kid !== undefined && kids.indexOf(kid) !== kids.lastIndexOf(kid);
    const key = isRepeated ? 'duplicate_kid' : parseForeignKey(jwk);
    if (typeof key === 'string') refused.push(key);
    else usable.push(key);
  }
  return { usable, refused };
}

/** What is wrong with the first key that is not usable, in one word; `undefined` when all are, and there is one. */
export function findJwkSetFault(document: unknown): ForeignKeyFault | undefined {
  const keys = parseForeignKeys(document);
  if (keys === undefined) return 'malformed_key';
  return keys.refused[0] ?? (keys.usable.length === 0 ? 'malformed_key' : undefined);
}

/** The keys that may have made a signature with this header, as `JwkSet.find` says. */
export function candidateKeys(keys: readonly ForeignKey[], { alg, kid }: SignatureHeader): readonly ForeignKey[] {
  const fitting = keys.filter((key) => key.hasAlgorithm(alg));
  if (kid === undefined) return fitting.slice(0, MAX_CANDIDATES);
  const named = fitting.filter((key) => key.kid === kid);
  const nameless = fitting.filter((key) => key.kid === undefined);
  return (named.length > 0 ? named : nameless).slice(0, MAX_CANDIDATES);
}

/** A JWK Set that was given inline. What is no set has no keys. */
export function createInlineJwkSet(document: unknown): JwkSet {
  let keys: readonly ForeignKey[] | undefined;
  return {
    async find(header) {
      keys ??= parseForeignKeys(document)?.usable ?? [];
      return candidateKeys(keys, header);
    },
  };
}
