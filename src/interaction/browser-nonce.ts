import type { Context } from 'koa';
import { isIdentifier } from '../oauth/index.ts';
import { isEqualSecret, type Random, sha256 } from '../platform/index.ts';
import { createOwnCookie } from './cookies.ts';

/** A random cookie by which a browser is known again. What is made for one browser carries its digest and no other. */
export interface BrowserNonce {
  /** The digest for this browser, whose cookie is set where it is missing. */
  ensure(ctx: Context): string;
  /** Whether this is the browser with that digest. */
  matches(ctx: Context, digest: string): boolean;
}

export function createBrowserNonce(deps: { issuer: string; random: Random }): BrowserNonce {
  const cookie = createOwnCookie(deps.issuer, 'browser');

  function find(ctx: Context): string | undefined {
    const nonce = cookie.read(ctx);
    return nonce !== undefined && nonce.length === 43 && isIdentifier(nonce) ? nonce : undefined;
  }

  return {
    ensure(ctx) {
      const found = find(ctx);
      if (found !== undefined) return sha256(found);
      const nonce = deps.random(32);
      cookie.write(ctx, nonce);
      return sha256(nonce);
    },
    matches(ctx, digest) {
      const nonce = find(ctx);
      return nonce !== undefined && isEqualSecret(digest, sha256(nonce));
    },
  };
}
