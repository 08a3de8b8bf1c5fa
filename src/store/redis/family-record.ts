import type { NewRefreshFamily, RefreshFamily } from '../../tokens/index.ts';

/**
 * The fields of a family's hash. Their names are short because they are stored with each family:
 * `n` nonceHash, `g` generation, `k` keyId, `c` clientHash, `a` authTime, `b` createdAt (begun), `u` usedAt, `e` expiresAt,
 * `x` revokedAt, `d` jkt (DPoP); `s` subject, `t` clientName (title), `o` scope, `r` resource. A tombstone has `x` and `e` only.
 */
const LONG_TEXTS = { s: 'subject', t: 'clientName', o: 'scope', r: 'resource' } as const;

// One value longer than `hash-max-listpack-value` (64) turns the whole hash into a table of twice the size.
const MAX_VALUE_BYTES = 64;

/** The fields of a new family that do not depend on the store's clock, as arguments of HSET. */
export function writeFamilyFields(family: NewRefreshFamily): readonly (string | number)[] {
  const { nonceHash, keyId, clientHash, authTime, jkt } = family;
  const texts = Object.entries(LONG_TEXTS).flatMap(([field, member]) => {
    return chunksOf(family[member]).flatMap((chunk, index) => [index === 0 ? field : `${field}${index}`, chunk]);
  });
  return [
    'n',
    nonceHash,
    'k',
    keyId,
    'c',
    clientHash,
    'a',
    authTime,
    ...(jkt === undefined ? [] : ['d', jkt]),
    ...texts,
  ];
}

/**
 * The family a hash describes; `undefined` for none and for a tombstone. A script's HGETALL answers fields and values in
 * turn, that of the client an object.
 */
export function readFamily(familyId: string, reply: unknown): RefreshFamily | undefined {
  const fields = pairsOf(reply);
  const nonceHash = fields.get('n');
  if (nonceHash === undefined) return undefined;
  const text = (field: string): string => fields.get(field) ?? '';
  const revokedAt = fields.get('x');
  const jkt = fields.get('d');
  return {
    familyId,
    nonceHash,
    generation: Number(text('g')),
    keyId: text('k'),
    subject: joined(fields, 's'),
    clientHash: text('c'),
    clientName: joined(fields, 't'),
    scope: joined(fields, 'o'),
    resource: joined(fields, 'r'),
    authTime: Number(text('a')),
    createdAt: Number(text('b')),
    usedAt: Number(text('u')),
    expiresAt: Number(text('e')),
    ...(revokedAt !== undefined && { revokedAt: Number(revokedAt) }),
    ...(jkt !== undefined && { jkt }),
  };
}

function pairsOf(reply: unknown): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  if (!Array.isArray(reply)) return new Map(Object.entries(reply ?? {}));
  for (let index = 0; index + 1 < reply.length; index += 2) fields.set(String(reply[index]), String(reply[index + 1]));
  return fields;
}

function joined(fields: ReadonlyMap<string, string>, field: string): string {
  let text = fields.get(field) ?? '';
  for (let index = 1; fields.has(`${field}${index}`); index += 1) text += fields.get(`${field}${index}`);
  return text;
}

/** The text in pieces of at most 64 bytes of UTF-8, no character cut in two. One empty piece for the empty text. */
function chunksOf(text: string): readonly string[] {
  if (Buffer.byteLength(text) <= MAX_VALUE_BYTES) return [text];
  const chunks: string[] = [];
  let chunk = '';
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (bytes + size > MAX_VALUE_BYTES) {
      chunks.push(chunk);
      chunk = '';
      bytes = 0;
    }
    chunk += character;
    bytes += size;
  }
  return [...chunks, chunk];
}
