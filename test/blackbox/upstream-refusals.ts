import { afterAll, expect } from 'vitest';
import { REJECTIONS, type RejectionReason } from '../../src/oauth/index.ts';
import { startHostileOpenIdProvider } from '../support/hostile-openid-provider.ts';
import { startUpstreamWalk, type UpstreamWalk } from '../support/upstream-walk.ts';
import type { WalkedPage } from '../support/walking-browser.ts';

type UpstreamReason = Extract<RejectionReason, `upstream_${string}`> | 'scope_not_grantable';

async function open() {
  await using started = new AsyncDisposableStack();
  const provider = started.use(await startHostileOpenIdProvider());
  const guard = { scopesByClaim: [{ scopes: ['mcp:write'], claim: 'groups', values: ['ops'] }] };
  const team = provider.settings({ id: 'team', label: 'Team', allowedGroups: ['team'] });
  const oidc = [provider.settings(guard), team];
  const walk = started.use(await startUpstreamWalk({ local: false, oidc }));
  const kept = started.move();
  return { provider, walk, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

// One for all cases, as they need nothing but a browser of their own.
let opened: ReturnType<typeof open> | undefined;
afterAll(async () => (await opened)?.[Symbol.asyncDispose]());

type Change = (answer: URLSearchParams) => void;

/** Goes to a provider and back, with its answer changed on the way. */
async function comeBack(
  walk: UpstreamWalk,
  how: {
    readonly id?: string;
    readonly parameters?: Record<string, string>;
    readonly change?: (url: URL) => void;
  } = {},
): Promise<WalkedPage> {
  const signIn = await walk.begin(how.parameters);
  const left = await walk.browser.submit(signIn, { provider: how.id ?? 'corp' });
  const answer = await fetch(left.leavesFor ?? '', { redirect: 'manual' });
  const url = new URL(answer.headers.get('location') ?? '');
  how.change?.(url);
  return walk.browser.open(url.href);
}

function refusedPage(
  reason: UpstreamReason,
  how: {
    readonly id?: string;
    readonly parameters?: Record<string, string>;
    readonly change?: (url: URL) => void;
  } = {},
  prepare: (provider: Awaited<ReturnType<typeof startHostileOpenIdProvider>>) => void = () => {},
) {
  return async (): Promise<void> => {
    opened ??= open();
    const { provider, walk: first } = await opened;
    const walk = first.withNewBrowser();
    provider.reset();
    prepare(provider);
    const page = await comeBack(walk, how);
    const { status, error, description } = REJECTIONS[reason];
    expect([page.status, page.headers.get('cache-control')]).toEqual([status, 'no-store']);
    expect(page.html).toContain(`<code>${error}</code>`);
    expect(page.html).toContain(description);
    expect(walk.server.events.findLast(({ reason: why }) => why === reason)).toBeDefined();
  };
}

const query = (change: Change) => (url: URL) => change(url.searchParams);

/** Refusals of people who come back from another provider. */
export const UPSTREAM_CASES: Readonly<Record<UpstreamReason, () => Promise<void>>> = {
  upstream_unknown: refusedPage('upstream_unknown', {
    change: (url) => {
      url.pathname = url.pathname.replace('corp', 'gone');
    },
  }),
  upstream_state_invalid: refusedPage('upstream_state_invalid', {
    change: query((answer) => answer.set('state', 'x')),
  }),
  upstream_of_other_provider: refusedPage('upstream_of_other_provider', {
    change: (url) => {
      url.pathname = url.pathname.replace('corp', 'team');
    },
  }),
  async upstream_spent() {
    let answer = '';
    opened ??= open();
    const walk = (await opened).walk.withNewBrowser();
    const page = await comeBack(walk, {
      change: (url) => {
        answer = url.href;
      },
    });
    expect(page.status).toBe(200);
    const again = await walk.browser.open(answer);
    const { status, description } = REJECTIONS.upstream_spent;
    expect(again.status).toBe(status);
    expect(again.html).toContain(description);
  },
  upstream_denied: refusedPage('upstream_denied', { change: query((answer) => answer.set('error', 'access_denied')) }),
  upstream_refused: refusedPage('upstream_refused', {
    change: query((answer) => answer.set('error', 'login_required')),
  }),
  upstream_issuer_wrong: refusedPage('upstream_issuer_wrong', {
    change: query((answer) => answer.set('iss', 'https://evil.example')),
  }),
  upstream_answer_invalid: refusedPage('upstream_answer_invalid', {}, (provider) => {
    provider.claims = { nonce: 'x' };
  }),
  upstream_not_fresh: refusedPage('upstream_not_fresh', { parameters: { max_age: '60' } }),
  upstream_account_not_admitted: refusedPage('upstream_account_not_admitted', { id: 'team' }),
  async scope_not_grantable() {
    opened ??= open();
    const { provider, walk: first } = await opened;
    provider.reset();
    const page = await comeBack(first.withNewBrowser(), { parameters: { scope: 'mcp:write' } });
    const { error, description } = REJECTIONS.scope_not_grantable;
    const left = new URL(
      /<a class="button[^"]*"[^>]* href="([^"]*)"/.exec(page.html)?.[1]?.replaceAll('&amp;', '&') ?? 'x:',
    );
    expect([left.searchParams.get('error'), left.searchParams.get('error_description')]).toEqual([error, description]);
  },
};
