import { en } from '../messages/en.ts';
import { ko } from '../messages/ko.ts';
import { compileTemplates, TEMPLATE_NAMES, type TemplateName } from './page-templates.ts';
import { type PageViews, renderPage } from './render.ts';
import { ESSENTIALS, FRAME_ESSENTIALS, MARKUP, SAMPLE_VIEWS } from './sample-views.ts';

const fileOf = (name: TemplateName) => `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.eta`;

/** Which template a file of the operator's replaces (`sign-in.eta`). */
export function templateNameOf(file: string): TemplateName | undefined {
  return TEMPLATE_NAMES.find((name) => fileOf(name) === file);
}

/**
 * What is wrong with the operator's templates: one that replaces nothing, cannot be parsed, fails, forgets what the page is for,
 * writes a text without escaping it, or brings what the policy of the pages blocks. Each is tried with samples.
 */
export function findTemplateFaults(templates: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(templates).flatMap(([file, text]) => {
    const name = templateNameOf(file);
    if (name === undefined) return [`${file} replaces no page; there are ${TEMPLATE_NAMES.map(fileOf).join(', ')}`];
    try {
      const compiled = compileTemplates({ [name]: text });
      return [...new Set(findPageFaults(name, compiled))].map((fault) => `${file} ${fault}`);
    } catch (error) {
      return [`${file} cannot be used: ${firstLines(error)}`];
    }
  });
}

function findPageFaults(name: TemplateName, templates: ReturnType<typeof compileTemplates>): string[] {
  const pages = (name === 'layout' ? Object.keys(SAMPLE_VIEWS) : [name]) as (keyof PageViews)[];
  return pages.flatMap((page) =>
    [en, ko].flatMap((messages) =>
      SAMPLE_VIEWS[page].flatMap((view, index) => {
        const html = renderPage(
          page,
          { ...view, title: `${MARKUP}title~` },
          {
            settings: { issuer: 'https://auth.example.com', branding: { ...SAMPLE_BRANDING, templates } },
            messages,
          },
        );
        return [...findDangers(html), ...(index === 0 ? findGaps(page, html, name === 'layout') : [])];
      }),
    ),
  );
}

const SAMPLE_BRANDING = {
  name: `${MARKUP}brand~`,
  footerLinks: [{ label: `${MARKUP}label`, url: 'https://www.example.com' }],
  supportContact: `${MARKUP}support`,
};

function findGaps(page: keyof PageViews, html: string, isLayout: boolean): string[] {
  const needed = [...ESSENTIALS[page], ...(isLayout ? FRAME_ESSENTIALS : [])];
  return needed
    .filter((piece) => !html.includes(piece))
    .map((piece) => `does without ${piece.replace(/&lt;i&gt;|~/g, '')}, which the page is for`);
}

function findDangers(html: string): string[] {
  const faults: string[] = [];
  if (html.includes(MARKUP)) faults.push('writes a text without escaping it (<%~ in the place of <%=)');
  if (/<script|<style|\sstyle=|\son[a-z]+=/i.test(html))
    faults.push('has a script or a style in it, which the policy of the pages blocks');
  if (/<(?:img|link|iframe|source)[^>]*(?:src|href)="(?!\/)/i.test(html))
    faults.push('loads from elsewhere, which the policy of the pages blocks');
  return faults;
}

/** Eta says what is wrong and shows the place below it. */
function firstLines(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n').slice(0, 6).join(' ').replace(/\s+/g, ' ').trim().slice(0, 300);
}
