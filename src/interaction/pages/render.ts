import { issuerPath } from '../../oauth/index.ts';
import type { Branding } from '../branding.ts';
import type { Messages } from '../messages/messages.ts';
import { OUR_TEMPLATES } from './page-templates.ts';
import { BRAND_MARK, ICON, STYLE } from './style.ts';

/** Whose pages these are. */
export interface PageSettings {
  readonly issuer: string;
  readonly branding: Branding;
}

/** Where a redirect goes, in words for people. */
export interface DestinationView {
  readonly host: string;
  /** How the host is spelled, or that it can pass for another. */
  readonly hostNote: string | undefined;
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
    subjectNote: string | undefined;
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

/** One page as HTML. Everything in the view is escaped. */
export function renderPage<Page extends keyof PageViews>(
  page: Page,
  view: PageViews[Page] & { readonly title: string },
  frame: { readonly settings: PageSettings; readonly messages: Messages },
): string {
  const { settings, messages } = frame;
  const { name, logo, accent, footerLinks = [], supportContact, templates = OUR_TEMPLATES } = settings.branding;
  const base = `${issuerPath(settings.issuer)}/interaction`;
  const site = {
    name,
    styles: [STYLE, accent].flatMap((asset) => (asset === undefined ? [] : [`${base}/${asset.name}`])),
    icon: `${base}/${ICON.name}`,
    logo: logo && `${base}/${logo.name}`,
    mark: BRAND_MARK,
    footerLinks,
    support: supportContact === undefined ? undefined : describeContact(supportContact),
  };
  const body = templates.render(page, { ...view, messages });
  return templates.render('layout', { title: view.title, body, site, messages });
}

/** How people reach who helps them: by a link where the text is a mail address or a URL. */
function describeContact(text: string): { label: string; href: string | undefined } {
  if (/^https?:\/\//i.test(text)) return { label: text, href: text };
  return { label: text, href: /^[^\s@<>]+@[^\s@<>]+$/.test(text) ? `mailto:${text}` : undefined };
}
