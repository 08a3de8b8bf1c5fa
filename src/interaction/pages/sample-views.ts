import type { PageViews } from './render.ts';

/** What no page may contain unescaped: every text of a sample begins with it. */
export const MARKUP = '<i>';
const text = (what: string) => `${MARKUP}${what}~`;

const DESTINATION = { host: text('host'), hostNote: text('hostNote'), warning: text('warning'), isOnThisDevice: true };
const NAMED_SCOPE = { name: text('scope'), sentence: text('sentence') };
const FORM = { action: text('action'), form: text('form') };

const CONSENT: PageViews['consent'] = {
  ...FORM,
  lead: text('lead'),
  subject: text('subject'),
  subjectNote: text('subjectNote'),
  claim: text('claim'),
  username: text('username'),
  switchAccount: text('switchAccount'),
  signOut: text('signOut'),
  resource: { resource: text('resource'), name: text('name') },
  scope: [
    { ...NAMED_SCOPE, field: 'scope:one' },
    { ...NAMED_SCOPE, field: undefined },
  ],
  choiceField: 'scopes',
  alert: text('alert'),
  destination: DESTINATION,
  memory: text('memory'),
};

const APP = { grant: 'a-grant', name: text('app'), resource: text('resource'), resourceName: text('name') };

/** Views of each page, those with everything and those with little: what a template must be able to show. */
export const SAMPLE_VIEWS: { readonly [Page in keyof PageViews]: readonly PageViews[Page][] } = {
  signIn: [
    {
      ...FORM,
      intro: text('intro'),
      username: text('username'),
      alert: text('alert'),
      local: true,
      providers: [{ id: 'a-provider', label: text('label') }],
      asker: { host: text('asker'), destination: text('destination') },
    },
    { ...FORM, intro: text('intro'), username: '', alert: undefined, local: false, providers: [], asker: undefined },
  ],
  consent: [
    CONSENT,
    {
      ...CONSENT,
      claim: undefined,
      subjectNote: undefined,
      resource: { resource: text('resource'), name: undefined },
      scope: [],
      choiceField: undefined,
      alert: undefined,
      destination: { ...DESTINATION, hostNote: undefined, isOnThisDevice: false },
      memory: undefined,
    },
  ],
  signOut: [
    { ...FORM, username: text('username'), stay: text('stay') },
    { ...FORM, username: undefined, stay: undefined },
  ],
  apps: [
    {
      ...FORM,
      username: text('username'),
      signOut: text('signOut'),
      ended: true,
      apps: [
        { ...APP, scope: [NAMED_SCOPE], since: text('since'), lastUsed: text('lastUsed') },
        { ...APP, name: '', resourceName: undefined, scope: [], since: text('since'), lastUsed: text('lastUsed') },
      ],
    },
    { ...FORM, username: text('username'), signOut: text('signOut'), ended: false, apps: [] },
  ],
  leave: [{ url: text('url'), destination: DESTINATION }],
  onward: [{ url: text('url'), destination: DESTINATION }],
  fault: [
    {
      notice: { text: text('text'), next: text('next') },
      code: text('code'),
      description: text('description'),
      requestId: text('requestId'),
      again: { path: text('path'), label: text('again') },
    },
    {
      notice: { text: text('text'), next: text('next') },
      code: text('code'),
      description: text('description'),
      requestId: text('requestId'),
      again: undefined,
    },
  ],
};

const HIDDEN_FIELD = 'name="form"';
const shown = (...whats: readonly string[]) => whats.map((what) => `&lt;i&gt;${what}~`);

/** What a page cannot do without, with the first of its samples: the fields and buttons of its form, what people must see. */
export const ESSENTIALS: { readonly [Page in keyof PageViews]: readonly string[] } = {
  signIn: [
    HIDDEN_FIELD,
    'name="username"',
    'name="password"',
    'name="provider"',
    'value="a-provider"',
    ...shown('alert', 'asker', 'destination'),
  ],
  consent: [
    HIDDEN_FIELD,
    'name="decision"',
    'value="allow"',
    'value="deny"',
    'name="scopes"',
    'name="scope:one"',
    ...shown('alert', 'subject', 'subjectNote', 'claim', 'resource', 'sentence', 'host', 'warning', 'username'),
  ],
  signOut: [HIDDEN_FIELD, ...shown('username')],
  apps: [HIDDEN_FIELD, 'name="grant"', 'value="a-grant"', ...shown('app')],
  leave: shown('url', 'host', 'warning'),
  onward: shown('url', 'host'),
  fault: shown('text', 'next', 'requestId', 'again'),
};

/** The same of every page, for the frame of all. */
export const FRAME_ESSENTIALS: readonly string[] = ['lang="', 'rel="stylesheet"', ...shown('title', 'brand')];
