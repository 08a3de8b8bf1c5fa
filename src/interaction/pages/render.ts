import { Eta } from 'eta';
import { issuerPath } from '../../oauth/index.ts';
import type { Messages } from '../messages/messages.ts';
import { BRAND_MARK, ICON, STYLE } from './style.ts';
import { APPS, CONSENT, FAULT, LAYOUT, LEAVE, ONWARD, SIGN_IN, SIGN_OUT } from './templates.ts';

/** Whose pages these are. */
export interface PageSettings {
  readonly issuer: string;
  readonly branding: { readonly name: string };
}

/** Where a redirect goes, in words for people. */
export interface DestinationView {
  readonly host: string;
  readonly warning: string;
  /** Whether a program on the person's own device gets the answer, which any program there can pretend to be. */
  readonly isOnThisDevice: boolean;
}

/** What each page shows, beside its title. */
export interface PageViews {
  readonly signIn: {
    action: string;
    form: string;
    intro: string;
    username: string;
    alert: string | undefined;
    /** Whether people sign in with a password. */
    local: boolean;
    /** Where else they may sign in. */
    providers: readonly { id: string; label: string }[];
    /** Who asks, where the person must know before they are sent away. */
    asker: { host?: string; destination: string } | undefined;
  };
  readonly consent: {
    action: string;
    form: string;
    lead: string;
    subject: string;
    claim: string | undefined;
    username: string;
    switchAccount: string;
    signOut: string;
    resource: { resource: string; name: string | undefined };
    /** `field` names the box of a scope that can be left out. */
    scope: readonly { name: string; sentence: string; field: string | undefined }[];
    /** A field to be sent along wherever scopes can be left out: what is not ticked is not sent. */
    choiceField: string | undefined;
    alert: string | undefined;
    destination: DestinationView;
    /** For how long the consent will be remembered, where it will be. */
    memory: string | undefined;
  };
  readonly signOut: { action: string; form: string; username: string | undefined; stay: string | undefined };
  readonly apps: {
    action: string;
    form: string;
    username: string;
    signOut: string;
    /** Whether one was just disconnected. */
    ended: boolean;
    apps: readonly {
      grant: string;
      name: string;
      resource: string;
      resourceName: string | undefined;
      scope: readonly { name: string; sentence: string }[];
      since: string;
      lastUsed: string;
    }[];
  };
  readonly leave: { url: string; destination: DestinationView };
  /** The browser goes on by itself, to where the link leads. */
  readonly onward: { url: string; destination: DestinationView };
  readonly fault: {
    notice: { text: string; next: string };
    code: string;
    description: string;
    requestId: string;
    again: { path: string; label: string } | undefined;
  };
}

const eta = new Eta({ autoEscape: true, cache: true });
const BODIES: Readonly<Record<keyof PageViews, string>> = {
  signIn: SIGN_IN,
  consent: CONSENT,
  signOut: SIGN_OUT,
  apps: APPS,
  leave: LEAVE,
  onward: ONWARD,
  fault: FAULT,
};
for (const [page, template] of Object.entries({ ...BODIES, layout: LAYOUT })) eta.loadTemplate(`@${page}`, template);

/** One page as HTML. Everything in the view is escaped. */
export function renderPage<Page extends keyof PageViews>(
  page: Page,
  view: PageViews[Page] & { readonly title: string },
  frame: { readonly settings: PageSettings; readonly messages: Messages },
): string {
  const { settings, messages } = frame;
  const base = `${issuerPath(settings.issuer)}/interaction`;
  const site = {
    name: settings.branding.name,
    style: `${base}/${STYLE.name}`,
    icon: `${base}/${ICON.name}`,
    mark: BRAND_MARK,
  };
  const body = eta.render(`@${page}`, { ...view, messages, breakable });
  return eta.render('@layout', { title: view.title, body, site, messages });
}

/** A host or URL as HTML that breaks at its dots, not within its words. */
function breakable(text: string): string {
  return eta.config.escapeFunction(text).replace(/[./:]+/g, '$&<wbr>');
}
