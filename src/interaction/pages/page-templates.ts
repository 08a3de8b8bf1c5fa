import { Eta } from 'eta';
import type { PageViews } from './render.ts';
import { APPS, CONSENT, FAULT, LAYOUT, LEAVE, ONWARD, SIGN_IN, SIGN_OUT } from './templates.ts';

/** The frame of every page, or what is inside of it on one of them. */
export type TemplateName = keyof PageViews | 'layout';

/** Templates that can be parsed, ready to be filled in. */
export interface PageTemplates {
  /**
   * The template with a view; what it writes by `<%=` is escaped. `breakable(text)` is a host or URL as HTML that breaks at its
   * dots and not within its words.
   * @throws Error what the template throws.
   */
  render(name: TemplateName, view: object): string;
}

const OURS: Readonly<Record<TemplateName, string>> = {
  layout: LAYOUT,
  signIn: SIGN_IN,
  consent: CONSENT,
  signOut: SIGN_OUT,
  apps: APPS,
  leave: LEAVE,
  onward: ONWARD,
  fault: FAULT,
};

/** Every template there is. */
export const TEMPLATE_NAMES = Object.keys(OURS) as readonly TemplateName[];

/**
 * Our templates, each replaced by one of the operator's where there is one.
 * @throws Error of eta for one that cannot be parsed, with the place in it.
 */
export function compileTemplates(replaced: Readonly<Partial<Record<TemplateName, string>>> = {}): PageTemplates {
  const eta = new Eta({ autoEscape: true, cache: true });
  for (const [name, text] of Object.entries({ ...OURS, ...replaced })) eta.loadTemplate(`@${name}`, text);
  const breakable = (text: string) => eta.config.escapeFunction(text).replace(/[./:]+/g, '$&<wbr>');
  return { render: (name, view) => eta.render(`@${name}`, { ...view, breakable }) };
}

/** The pages as we ship them. */
export const OUR_TEMPLATES = compileTemplates();
