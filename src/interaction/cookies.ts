import type { Context } from 'koa';
import type { Seconds } from '../oauth/index.ts';

/** A cookie only this origin can set and read. */
export interface OwnCookie {
  /** Its value; `undefined` when it is absent or the browser sends two different ones (cookie tossing). */
  read(ctx: Context): string | undefined;
  /** @param maxAge how long the browser keeps it, in seconds; absent: until it is closed. */
  write(ctx: Context, value: string, maxAge?: Seconds): void;
  clear(ctx: Context): void;
}

/**
 * `__Host-` binds the cookie to this very host over TLS (RFC 6265bis §4.1.3.2). On an `http` loopback issuer it is a plain
 * name without `Secure`: Safari drops secure cookies there.
 */
export function createOwnCookie(issuer: string, name: string): OwnCookie {
  const isSecure = issuer.startsWith('https:');
  const fullName = isSecure ? `__Host-guardmint-${name}` : `guardmint-${name}`;
  const attributes = `Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;

  function read(ctx: Context): string | undefined {
    const values = new Set<string>();
    for (const pair of (ctx.headers.cookie ?? '').split(';')) {
      const at = pair.indexOf('=');
      if (at > 0 && pair.slice(0, at).trim() === fullName) values.add(pair.slice(at + 1).trim());
    }
    const [only] = values;
    return values.size === 1 ? only : undefined;
  }

  function set(ctx: Context, text: string): void {
    const earlier = [ctx.response.headers['set-cookie'] ?? []].flat();
    ctx.set('Set-Cookie', [...earlier.filter((other) => !other.startsWith(`${fullName}=`)), `${fullName}=${text}`]);
  }

  return {
    read,
    write: (ctx, value, maxAge) =>
      set(ctx, `${value}; ${maxAge === undefined ? '' : `Max-Age=${maxAge}; `}${attributes}`),
    clear: (ctx) => set(ctx, `; Max-Age=0; ${attributes}`),
  };
}
