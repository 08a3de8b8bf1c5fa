import { en } from './en.ts';
import { ko } from './ko.ts';

/** A notice: what happened, and what the person can do. Plain text. */
export interface Notice {
  readonly title: string;
  readonly text: string;
  readonly next: string;
}

/** Every sentence of the pages in one language. Plain text: the pages escape it. */
export interface Messages {
  /** BCP 47 tag, for the `lang` attribute. */
  readonly lang: string;
  /** Before who helps people with this server. */
  readonly support: string;
  readonly signIn: {
    readonly title: string;
    readonly intro: (resource: string) => string;
    /** In place of `intro`, when no app is waiting. */
    readonly introOwnPage: string;
    readonly username: string;
    readonly password: string;
    readonly submit: string;
    /** Between the password form and the providers. */
    readonly or: string;
    readonly signInAt: (provider: string) => string;
    readonly askedBy: string;
    readonly answerTo: string;
    readonly onlyIfYouBegan: string;
    readonly wrong: string;
    readonly stale: string;
    readonly throttled: (seconds: number) => string;
  };
  readonly consent: {
    readonly title: (app: string) => string;
    readonly configured: string;
    readonly document: string;
    readonly registeredWeb: string;
    readonly registeredLoopback: string;
    readonly registeredScheme: string;
    readonly asks: string;
    readonly claim: (name: string) => string;
    readonly unverified: string;
    readonly account: string;
    readonly switchAccount: string;
    readonly signOut: string;
    readonly resource: string;
    readonly scope: string;
    readonly noScope: string;
    /** Where scopes can be left out. */
    readonly choice: string;
    readonly nothingChosen: string;
    /** `offline_access` (OpenID Connect Core §11), which belongs to no resource. */
    readonly offlineAccess: string;
    readonly scopeWithoutSentence: (name: string) => string;
    /** Beside the ASCII form of a host: the same in its own letters, or that these can pass for others. */
    readonly spelled: (host: string) => string;
    readonly confusable: string;
    readonly destination: string;
    readonly destinationWeb: string;
    readonly destinationLoopback: string;
    readonly destinationScheme: (scheme: string) => string;
    /** That the consent will be remembered in this browser, and for how long. */
    readonly memory: (lasts: { readonly days: number } | { readonly hours: number }) => string;
    readonly deny: string;
    readonly allow: string;
  };
  readonly signOut: {
    readonly title: string;
    readonly question: (username: string) => string;
    readonly consequence: string;
    readonly submit: string;
    readonly stay: string;
    readonly doneTitle: string;
    readonly done: string;
  };
  /** The apps a person allowed. */
  readonly apps: {
    readonly title: string;
    readonly intro: string;
    readonly none: string;
    readonly nameless: string;
    readonly names: string;
    readonly since: (day: string) => string;
    readonly lastUsed: (day: string) => string;
    readonly disconnect: string;
    readonly ended: string;
  };
  readonly leave: {
    readonly title: string;
    readonly text: string;
    readonly destination: string;
    readonly stay: string;
    readonly go: string;
  };
  /** Shown for a moment after a sign-in, where nothing is left to be asked. */
  readonly onward: { readonly title: string; readonly text: string; readonly go: string };
  readonly fault: {
    /** Leads to the request. */
    readonly again: string;
    /** Leads to the sign-in page. */
    readonly signInAgain: string;
    readonly details: string;
    readonly code: string;
    readonly requestId: string;
    /** Notices by reason of the table of refusals. */
    readonly byReason: Readonly<Record<string, Notice>>;
    /** What is said for every other refusal, and for faults of ours. */
    readonly refused: Notice;
    readonly internal: Notice;
  };
}

const LANGUAGES: readonly Messages[] = [en, ko];

/** The messages in the first language we have among those wanted (BCP 47 tags, best first); else English. */
export function chooseMessages(wanted: readonly string[]): Messages {
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split('-')[0];
    const found = LANGUAGES.find((messages) => messages.lang === primary);
    if (found !== undefined) return found;
  }
  return en;
}
