import { sha256 } from '../../platform/index.ts';
import type { OneTimeMarker } from '../../tokens/index.ts';

/**
 * The names of all keys (docs/decisions/0010-redis-layout.md). What one script touches has one hash tag, the part in
 * braces, and so lies in one slot of a cluster. Text from outside is hashed: a name has no length or character of its own.
 */
export interface KeyLayout {
  /** Hash: one refresh family, or the tombstone of one that may not begin. */
  family(familyId: string): string;
  /** String: something that was spent. That of a code lies beside the family the code begins. */
  spent(marker: OneTimeMarker): string;
  /** Sorted sets: the families of a person and of a client, by their end. */
  familiesOf(filter: { readonly subject: string } | { readonly clientHash: string }): string;
  /** Sorted set: what is denied, by its end. */
  readonly denied: string;
  /** Hash: the moments of the watermarks among what is denied. */
  readonly watermarks: string;
  /** Stream: the keys that were denied, in order. */
  readonly feed: string;
  /** The family id of a key made by `family`. */
  familyIdOf(key: string): string;
  /** A pattern (SCAN) that matches the keys made by `family`, and no others. */
  readonly familyPattern: string;
}

const SAFE_TAG = /^[\w-]+$/;

/** @throws TypeError for a prefix with braces: it would decide the slot of every key. */
export function createKeyLayout(prefix: string): KeyLayout {
  if (/[{}]/.test(prefix)) throw new TypeError('The prefix of Redis keys must not contain braces.');
  const familyTag = (familyId: string) => `{${SAFE_TAG.test(familyId) ? familyId : sha256(familyId)}}`;
  const opening = `${prefix}family:{`;
  return {
    family: (familyId) => `${prefix}family:${familyTag(familyId)}`,
    spent({ kind, id, familyId }) {
      const hash = sha256(`${kind}\0${id}`);
      return familyId === undefined ? `${prefix}spent:{${hash}}` : `${prefix}spent:${familyTag(familyId)}:${hash}`;
    },
    familiesOf: (filter) =>
      'subject' in filter
        ? `${prefix}subject:{${sha256(filter.subject)}}`
        : `${prefix}client:{${sha256(filter.clientHash)}}`,
    denied: `${prefix}{denylist}:ends`,
    watermarks: `${prefix}{denylist}:watermarks`,
    feed: `${prefix}{denylist}:feed`,
    familyIdOf: (key) => key.slice(opening.length, -1),
    familyPattern: `${opening.replaceAll(/[*?[\]\\]/g, '\\$&')}*}`,
  };
}
