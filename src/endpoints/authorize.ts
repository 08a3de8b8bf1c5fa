import type { Middleware } from 'koa';
import type { OAuthAuthorizationServerProvider } from '../provider/index.ts';
import { type Authorization, clientIdOf } from './authorization.ts';
import { readAnyFormText } from './body.ts';
import { faultContext } from './error-boundary.ts';
import { type PushedRequests, takeUpPushed } from './par.ts';

/**
 * GET and POST /authorize (RFC 6749 §3.1). A client that may be looked up only once the person has signed in sends the
 * browser there first, with everything it asked for.
 */
export function authorizeEndpoint(deps: {
  authorization: Authorization;
  provider: Pick<OAuthAuthorizationServerProvider, 'signInBefore'>;
  /** Absent: no request was pushed. */
  pushedRequests?: PushedRequests | undefined;
}): Middleware {
  const { authorization, provider, pushedRequests } = deps;
  return async function authorize(ctx) {
    ctx.set('Cache-Control', 'no-store');
    const parameters = ctx.method === 'POST' ? await readAnyFormText(ctx) : ctx.querystring;
    const { form, pushedId } = await takeUpPushed(parameters, pushedRequests);
    const before = pushedId === undefined ? await provider.signInBefore?.(clientIdOf(form), parameters) : undefined;
    // 303: a POST must not be repeated at the next address (OAuth 2.1 §7.5.4).
    ctx.status = ctx.method === 'POST' ? 303 : 302;
    ctx.set('Location', before ?? (await authorization.authorize(form, faultContext(ctx), pushedId)));
    ctx.body = '';
  };
}
