import type { Middleware } from 'koa';
import { parseForm } from '../oauth/index.ts';
import type { OAuthAuthorizationServerProvider } from '../provider/index.ts';
import { type Authorization, clientIdOf } from './authorization.ts';
import { readAnyFormText } from './body.ts';
import { faultContext } from './error-boundary.ts';

/**
 * GET and POST /authorize (RFC 6749 §3.1). A client that may be looked up only once the person has signed in sends the
 * browser there first, with everything it asked for.
 */
export function authorizeEndpoint(deps: {
  authorization: Authorization;
  provider: Pick<OAuthAuthorizationServerProvider, 'signInBefore'>;
}): Middleware {
  const { authorization, provider } = deps;
  return async function authorize(ctx) {
    ctx.set('Cache-Control', 'no-store');
    const parameters = ctx.method === 'POST' ? await readAnyFormText(ctx) : ctx.querystring;
    const form = parseForm(parameters);
    const before = await provider.signInBefore?.(clientIdOf(form), parameters);
    // 303: a POST must not be repeated at the next address (OAuth 2.1 §7.5.4).
    ctx.status = ctx.method === 'POST' ? 303 : 302;
    ctx.set('Location', before ?? (await authorization.authorize(form, faultContext(ctx))));
    ctx.body = '';
  };
}
