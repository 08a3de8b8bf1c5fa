import { type Accent, accentStyle, findAccentFault } from './pages/colours.ts';
import { MAX_LOGO_SIZE, readLogo } from './pages/logo.ts';
import { compileTemplates, type PageTemplates, type TemplateName } from './pages/page-templates.ts';
import type { Asset } from './pages/style.ts';
import { findTemplateFaults, templateNameOf } from './pages/template-faults.ts';

/** What makes the pages the operator's, ready to be shown. */
export interface Branding {
  readonly name: string;
  readonly logo?: Asset;
  /** A stylesheet after ours. */
  readonly accent?: Asset;
  readonly footerLinks?: readonly FooterLink[];
  /** A mail address, a URL or any other text that says who helps. */
  readonly supportContact?: string;
  /** Absent: ours. */
  readonly templates?: PageTemplates;
}

/** A link below every page. */
export interface FooterLink {
  readonly label: string;
  readonly url: string;
}

/** The same as the operator gave it. */
export interface BrandingSource {
  readonly name: string;
  /** The bytes of the file. */
  readonly logo?: Uint8Array;
  readonly accent?: Accent;
  readonly footerLinks?: readonly FooterLink[];
  readonly supportContact?: string;
  /** The texts of template files, by their names (`sign-in.eta`). */
  readonly templates?: Readonly<Record<string, string>>;
}

/** What is wrong with one part of a branding, as a sentence about it. */
export interface BrandingFault {
  /** `logo`, `accent.light`, `templates`. */
  readonly setting: string;
  readonly fault: string;
}

/** Everything for which a branding cannot be used; none for one that can. */
export function findBrandingFaults(source: BrandingSource): readonly BrandingFault[] {
  const { logo, accent, templates = {} } = source;
  const faults: BrandingFault[] = [];
  if (logo !== undefined && logo.length > MAX_LOGO_SIZE)
    faults.push({
      setting: 'logo',
      fault: `is ${logo.length} bytes long; ${MAX_LOGO_SIZE} is the most a logo may have`,
    });
  else if (logo !== undefined && readLogo(logo) === undefined)
    faults.push({ setting: 'logo', fault: 'is neither a PNG nor a WebP nor an SVG' });
  for (const scheme of ['light', 'dark'] as const) {
    const fault = accent && findAccentFault(accent, scheme);
    if (fault !== undefined) faults.push({ setting: `accent.${scheme}`, fault });
  }
  for (const fault of findTemplateFaults(templates)) faults.push({ setting: 'templates', fault });
  return faults;
}

/** A branding without faults. */
export function createBranding(source: BrandingSource): Branding {
  const { logo, accent, templates, ...rest } = source;
  const asset = logo && readLogo(logo);
  return {
    ...rest,
    ...(asset !== undefined && { logo: asset }),
    ...(accent !== undefined && { accent: accentStyle(accent) }),
    ...(templates !== undefined && { templates: compileTemplates(byName(templates)) }),
  };
}

function byName(templates: Readonly<Record<string, string>>): Partial<Record<TemplateName, string>> {
  return Object.fromEntries(
    Object.entries(templates).flatMap(([file, text]) => {
      const name = templateNameOf(file);
      return name === undefined ? [] : [[name, text]];
    }),
  );
}
