import type { Context, Middleware } from 'koa';
import { parseForm, REVOCATIONS_TYPE, reject } from '../oauth/index.ts';
import { answerCacheable } from './cacheable.ts';

/** A revocation document ready to be served (docs/tokens.md). */
export interface PublishedRevocations {
  readonly text: string;
  /** `<epoch>.<sequence>`: where it brings its reader. */
  readonly position: string;
  /** Strong entity tag, quoted. */
  readonly etag: string;
}

/** Where the endpoints get revocation documents from. Everything may throw `UnavailableError`. */
export interface RevocationFeed {
  /** Everything that is denied. */
  snapshot(): Promise<PublishedRevocations>;
  /** What was denied after a position, or `gone`. */
  since(position: string): Promise<PublishedRevocations | 'gone'>;
  /** Hands the reader everything after a position, one document at a time, until disposed or ended. */
  follow(position: string, reader: { take(document: PublishedRevocations): Promise<void>; end(): void }): Disposable;
}

/**
 * GET what is denied: a snapshot, or with `since` what came after a position. 410 when that position is not known: the
 * reader takes the snapshot.
 */
export function revocationsEndpoint(feed: RevocationFeed): Middleware {
  return async function revocations(ctx) {
    const { text, etag } = await findRevocations(feed, readSince(ctx));
    answerCacheable(ctx, { body: text, etag, cacheControl: 'public, max-age=2' });
    ctx.type = `application/${REVOCATIONS_TYPE}`;
  };
}

/** The position of the query, if there is one. @throws OAuthError `parameter_repeated` */
export function readSince(ctx: Context): string | undefined {
  const query = parseForm(ctx.querystring);
  if (query.repeated.includes('since')) throw reject('parameter_repeated', { parameter: 'since' });
  return query.get('since');
}

/** The snapshot, or what came after a position. @throws OAuthError `revocations_gone` */
export async function findRevocations(
  feed: RevocationFeed,
  position: string | undefined,
): Promise<PublishedRevocations> {
  const found = position === undefined ? await feed.snapshot() : await feed.since(position);
  if (found === 'gone') throw reject('revocations_gone');
  return found;
}
