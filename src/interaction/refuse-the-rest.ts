import type Router from '@koa/router';
import { reject } from '../oauth/index.ts';

/** Refuses what none of the routes answers: 405 with `Allow` where there is another method (RFC 9110 §15.5.6), else 404. */
export function refuseTheRest(router: Router): void {
  router.all('rest', '/{*rest}', (ctx) => {
    const others = router.match(ctx.path, ctx.method).path.filter((layer) => layer.name !== 'rest');
    const methods = new Set(others.flatMap((layer) => layer.methods));
    if (methods.size === 0) throw reject('not_found');
    ctx.set('Allow', [...methods].join(', '));
    throw reject('method_not_allowed');
  });
}
