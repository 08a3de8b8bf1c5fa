import { LRUCache } from 'lru-cache';
import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { Client } from './client.ts';

/** A document that was found good, and for how long. */
export interface CachedDocument {
  readonly client: Client;
  /** The entity tag to ask again with. */
  readonly etag?: string;
  /** Until then it is used without asking. */
  readonly freshUntil: EpochSeconds;
  /** Until then it stands in where the host cannot be reached. */
  readonly usableUntil: EpochSeconds;
}

/** The documents this process knows, the least recently used given up first. */
export type DocumentCache = LRUCache<string, CachedDocument>;

export function createDocumentCache(maxDocuments: number): DocumentCache {
  return new LRUCache<string, CachedDocument>({ max: maxDocuments });
}

/** Bounds of the time a document is kept, whatever its headers say. */
export interface DocumentLifetimes {
  readonly floor: Seconds;
  readonly ceiling: Seconds;
  /** Without a `max-age`. */
  readonly usual: Seconds;
}

/**
 * How long an answer stays fresh (RFC 9111 §4.2.1, with `Age`), within the bounds; `undefined`: it must not be kept.
 * `no-cache` counts as the floor, since the document is needed again within one authorization.
 */
export function freshnessLifetime(
  headers: Readonly<Record<string, string>>,
  lifetimes: DocumentLifetimes,
): Seconds | undefined {
  const { floor, ceiling, usual } = lifetimes;
  const directives = (headers['cache-control'] ?? '').toLowerCase().split(',');
  const names = directives.map((directive) => directive.trim());
  if (names.includes('no-store')) return undefined;
  if (names.some((name) => name === 'no-cache' || name.startsWith('no-cache='))) return floor;
  const ages = names.map((name) => /^max-age="?(\d{1,10})"?$/.exec(name)?.[1]).filter((age) => age !== undefined);
  const maxAge = ages.length === 0 ? usual : Math.min(...ages.map(Number));
  const age = /^\d{1,10}$/.test(headers['age'] ?? '') ? Number(headers['age']) : 0;
  return Math.min(Math.max(maxAge - age, floor), ceiling);
}

/** Whether a `Content-Type` is JSON: `application/json` or one with the suffix `+json` (RFC 6839 §3.1). */
export function isJsonType(type: string | undefined): boolean {
  return /^application\/(json|[a-z0-9!#$&^_.+-]+\+json)\s*(;|$)/i.test(type ?? '');
}
