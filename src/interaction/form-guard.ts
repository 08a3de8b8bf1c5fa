import type { Context } from 'koa';
import { type Form, reject, type Seconds } from '../oauth/index.ts';
import type { Random } from '../platform/index.ts';
import type { Sealer } from '../tokens/index.ts';
import type { BrowserNonce } from './browser-nonce.ts';

/** What a form is for and what it belongs to. */
export interface FormBinding {
  readonly purpose: 'sign_in' | 'consent' | 'sign_out' | 'apps';
  /** The `jti` of the ticket, or empty where there is none. */
  readonly ticket: string;
  /** The session it was made in, or empty before sign-in. */
  readonly sid: string;
}

/** Keeps forms from being sent by another site, another browser, another person, or for another request. */
export interface FormGuard {
  /** The hidden field of a form, bound to this browser by a nonce in a cookie that is set where it is missing. */
  seal(ctx: Context, binding: FormBinding): Promise<string>;
  /** @throws OAuthError `interaction_cross_site` when the browser says that another site sent the form. */
  requireSameOrigin(ctx: Context): void;
  /**
   * Checks the hidden field of a form that was sent.
   * @throws OAuthError `interaction_of_other_browser`, `interaction_of_other_person`.
   */
  requireOwn(ctx: Context, form: Form, binding: FormBinding): Promise<void>;
}

interface FormClaims extends FormBinding {
  readonly browser: string;
  readonly jti: string;
}

export function createFormGuard(deps: {
  settings: { readonly issuer: string };
  browser: BrowserNonce;
  sealer: Sealer;
  random: Random;
  lifetime: Seconds;
}): FormGuard {
  const { settings, browser, sealer, random, lifetime } = deps;
  const ownOrigin = new URL(settings.issuer).origin;

  async function seal(ctx: Context, binding: FormBinding): Promise<string> {
    const claims: FormClaims = { ...binding, browser: browser.ensure(ctx), jti: random(16) };
    return sealer.seal('form+jwe', { ...claims }, lifetime);
  }

  function requireSameOrigin(ctx: Context): void {
    // A page under `no-referrer` sends `Origin: null` with its own forms (Fetch §3.2), so `null` alone says nothing.
    const origin = ctx.get('Origin');
    const site = ctx.get('Sec-Fetch-Site');
    const isForeign =
      (origin !== '' && origin !== 'null' && origin !== ownOrigin) || !['', 'same-origin'].includes(site);
    if (isForeign) throw reject('interaction_cross_site');
  }

  async function requireOwn(ctx: Context, form: Form, binding: FormBinding): Promise<void> {
    const claims = await sealer.open<FormClaims>('form+jwe', form.get('form') ?? '');
    if (
      claims === undefined ||
      claims.purpose !== binding.purpose ||
      claims.ticket !== binding.ticket ||
      !browser.matches(ctx, claims.browser)
    ) {
      throw reject('interaction_of_other_browser');
    }
    if (claims.sid !== binding.sid) throw reject('interaction_of_other_person');
  }

  return { seal, requireSameOrigin, requireOwn };
}
