import type { Middleware } from 'koa';

/**
 * Somebody who opens the issuer in a browser is shown what is theirs here; programs are told that there is nothing.
 * `path` is that of the issuer, empty for an issuer without one.
 */
export function homePage(path: string): Middleware {
  return async function redirectHome(ctx, next) {
    const isHome = (ctx.path === path || ctx.path === `${path}/`) && (ctx.method === 'GET' || ctx.method === 'HEAD');
    if (!isHome || ctx.accepts('json', 'html') !== 'html') return next();
    ctx.set('Cache-Control', 'no-store');
    ctx.redirect(`${path}/interaction/apps`);
    return undefined;
  };
}
