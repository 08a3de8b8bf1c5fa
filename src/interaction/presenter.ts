import type { Context } from 'koa';
import { issuerPath, parseForm, redirectDestination } from '../oauth/index.ts';
import { spellHost } from './host-spelling.ts';
import { chooseMessages, type Messages } from './messages/messages.ts';
import { pageHeaders } from './page-headers.ts';
import { type DestinationView, type PageSettings, type PageViews, renderPage } from './pages/render.ts';
import type { InteractionTicket } from './ticket.ts';

/** The addresses of the pages. */
export type PagePath = 'continue' | 'sign-in' | 'consent' | 'sign-out' | 'apps';

/** Writes pages and redirects into responses. */
export interface Presenter {
  /** Path of a page on this server, with the ticket it works on. */
  path(page: PagePath, sealedTicket?: string): string;
  messages(ctx: Context, ticket?: Pick<InteractionTicket, 'languages'>): Messages;
  show<Page extends keyof PageViews>(
    ctx: Context,
    page: Page,
    view: PageViews[Page] & { readonly title: string },
    how: { readonly messages: Messages; readonly status?: number; readonly formTarget?: string },
  ): void;
  /** 303 (OAuth 2.1 §7.5.4: a browser must not send the form again to where it is sent). */
  redirect(ctx: Context, url: string): void;
}

export function createPresenter(settings: PageSettings): Presenter {
  const base = `${issuerPath(settings.issuer)}/interaction`;

  function path(page: PagePath, sealedTicket?: string): string {
    return `${base}/${page}${sealedTicket === undefined ? '' : `?request=${sealedTicket}`}`;
  }

  function show<Page extends keyof PageViews>(
    ctx: Context,
    page: Page,
    view: PageViews[Page] & { readonly title: string },
    how: { readonly messages: Messages; readonly status?: number; readonly formTarget?: string },
  ): void {
    ctx.set(pageHeaders(how.formTarget));
    ctx.status = how.status ?? 200;
    ctx.type = 'text/html; charset=utf-8';
    ctx.body = renderPage(page, view, { settings, messages: how.messages });
  }

  return {
    path,
    show,
    messages: (ctx, ticket) => chooseMessages([...(ticket?.languages ?? []), ...acceptedLanguages(ctx)]),
    redirect(ctx, url) {
      ctx.set(pageHeaders());
      ctx.status = 303;
      // Koa's own redirect() would write the URL anew; a client compares its redirect URI byte for byte.
      ctx.set('Location', url);
      ctx.body = '';
    },
  };
}

/** What `Accept-Language` prefers, best first. */
export function acceptedLanguages(ctx: Context): readonly string[] {
  return ctx.get('Accept-Language') === '' ? [] : ctx.acceptsLanguages();
}

/** The ticket a page works on, as its URL names it. */
export function sealedTicketOf(ctx: Context): string | undefined {
  // Not `ctx.URL`: a Host header or a request target that is no URL leaves it without a query.
  const form = parseForm(ctx.querystring);
  return form.repeated.includes('request') ? undefined : form.get('request');
}

/** The id the app gave this request, where it gives them one. */
export function requestIdOf(ctx: Context): string | undefined {
  const requestId: unknown = ctx.state['requestId'];
  return typeof requestId === 'string' ? requestId : undefined;
}

/** What is said of a host with letters that are not ASCII. */
export function describeHost(host: string, messages: Messages): string | undefined {
  const spelling = spellHost(host);
  if (spelling.kind === 'plain') return undefined;
  return spelling.kind === 'spelled' ? messages.consent.spelled(spelling.host) : messages.consent.confusable;
}

/** Where the redirect of a request goes, in words. */
export function describeDestination(uri: string, messages: Messages): DestinationView {
  const { host, scheme, isLoopback } = redirectDestination(uri);
  const say = messages.consent;
  const hostNote = describeHost(host, messages);
  if (isLoopback) return { host, hostNote, warning: say.destinationLoopback, isOnThisDevice: true };
  if (scheme === 'https' || scheme === 'http')
    return { host, hostNote, warning: say.destinationWeb, isOnThisDevice: false };
  return { host, hostNote, warning: say.destinationScheme(scheme), isOnThisDevice: true };
}
