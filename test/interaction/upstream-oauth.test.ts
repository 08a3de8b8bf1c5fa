import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { derivedSubject } from '../../src/clients/index.ts';
import { type CodeHost, startCodeHost } from '../support/code-host.ts';
import { startUpstreamWalk, type UpstreamWalk } from '../support/upstream-walk.ts';
import { type WalkedPage, wordsOf } from '../support/walking-browser.ts';

let host: CodeHost;
let server: UpstreamWalk;
let walk: UpstreamWalk;

beforeAll(async () => {
  host = await startCodeHost();
  const { origin } = host;
  server = await startUpstreamWalk({
    local: false,
    oauth2: [
      host.settings(),
      host.settings({
        id: 'members',
        groupsEndpoint: `${origin}/user/orgs`,
        groupsMember: 'login',
        allowedGroups: ['example-inc'],
      }),
      host.settings({ id: 'mail', emailsEndpoint: `${origin}/user/emails`, allowedDomains: ['example.com'] }),
      host.settings({ id: 'named', issuer: origin, idClaim: 'login', usernameClaim: 'name' }),
      host.settings({ id: 'wrong', clientSecret: 'another' }),
    ],
  });
});
beforeEach(() => {
  walk = server.withNewBrowser();
  walk.server.events.length = 0;
  Object.assign(host, {
    user: { id: 4711, login: 'dana', name: 'Dana' },
    emails: [],
    organisations: [],
    sendsIss: false,
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
});

async function signIn(provider = 'code-host', parameters?: Record<string, string>): Promise<WalkedPage> {
  return walk.follow(await walk.browser.submit(await walk.begin(parameters), { provider }));
}

const isConsent = (page: WalkedPage) => new URL(page.url).pathname === '/interaction/consent';
const lastEvent = () => walk.server.events.at(-1);

describe('signing in where there is OAuth 2.0 only', () => {
  test('a person is who the user endpoint says, by a number as text', async () => {
    const consent = await signIn();

    expect([isConsent(consent), wordsOf(consent)]).toEqual([
      true,
      expect.stringContaining('Signed in as dana (Code Host)'),
    ]);
    expect(walk.server.events.find(({ event }) => event === 'sign_in.succeeded')?.['subject']).toBe(
      derivedSubject({ issuer: `${host.origin}/user`, sub: '4711' }),
    );
    expect(Object.fromEntries(host.requests.at(-1) ?? [])).toMatchObject({
      client_id: 'Iv1.guardmint',
      scope: 'read:user',
      redirect_uri: `${walk.server.issuer}/interaction/upstream/code-host/callback`,
      code_challenge_method: 'S256',
    });
  });

  test('another claim may name the person, and another one be shown', async () => {
    host.sendsIss = true;

    expect(wordsOf(await signIn('named'))).toContain('Signed in as Dana (Code Host)');
    expect(walk.server.events.find(({ event }) => event === 'sign_in.succeeded')?.['subject']).toBe(
      derivedSubject({ issuer: `${host.origin}/user`, sub: 'dana' }),
    );
  });

  test('an iss that does not come, where it should, is refused; one that nobody expects is not looked at', async () => {
    await signIn('named');
    expect(lastEvent()).toMatchObject({ event: 'sign_in.failed', reason: 'upstream_issuer_wrong' });

    host.sendsIss = true;
    expect(isConsent(await signIn('code-host'))).toBe(true);
  });

  test.each<[string, unknown]>([
    ['no id', { login: 'dana' }],
    ['an empty id', { id: '' }],
    ['an id that is a list', { id: [1] }],
    // 2 ** 53 + 1 reads as 2 ** 53, who is somebody else.
    ['a number that JSON cannot carry', '{"id":9007199254740993,"login":"dana"}'],
    ['an id that is only inherited', '{"login":"dana","__proto__":{"id":1}}'],
    ['one member twice', '{"id":1,"id":2}'],
    ['no object', '[]'],
    ['no JSON', 'hello'],
  ])('%s is nobody', async (_, user) => {
    host.user = user;

    expect(isConsent(await signIn())).toBe(false);
    expect(lastEvent()).toMatchObject({ reason: 'upstream_answer_invalid', fault: 'id', provider: 'code-host' });
    expect(walk.browser.jar.has('guardmint-session')).toBe(false);
  });

  test.each<[string, unknown, boolean]>([
    ['a member', [{ login: 'other' }, { login: 'example-inc' }], true],
    ['a member of something else', [{ login: 'example-inc-fans' }], false],
    ['a member of nothing', [], false],
    ['a member by another member of the entry', [{ name: 'example-inc' }], false],
  ])('%s', async (_, organisations, isAdmitted) => {
    host.organisations = organisations;

    expect(isConsent(await signIn('members'))).toBe(isAdmitted);
    if (!isAdmitted) expect(lastEvent()).toMatchObject({ reason: 'upstream_account_not_admitted', fault: 'groups' });
  });

  test.each<[string, unknown, boolean]>([
    ['a verified address', [{ email: 'dana@Example.com', verified: true, primary: false }], true],
    ['an address that is not verified', [{ email: 'dana@example.com', verified: false }], false],
    ['an address elsewhere', [{ email: 'dana@notexample.com', verified: true }], false],
    ['an address with two @', [{ email: '"@example.com"@evil.example', verified: true }], false],
  ])('%s', async (_, emails, isAdmitted) => {
    host.emails = emails;

    expect(isConsent(await signIn('mail'))).toBe(isAdmitted);
  });

  test('a list that is none admits nobody', async () => {
    host.organisations = { message: 'no list' };

    await signIn('members');

    expect(lastEvent()).toMatchObject({ reason: 'upstream_answer_invalid', fault: 'list' });
  });

  test('an error that comes with 200 is an error', async () => {
    await signIn('wrong');

    expect(lastEvent()).toMatchObject({ event: 'sign_in.failed', reason: 'upstream_answer_invalid' });
  });

  test('max_age cannot be met, and nobody is sent away in vain', async () => {
    const page = await signIn('code-host', { max_age: '60' });

    expect([page.status, lastEvent()?.['reason']]).toEqual([403, 'upstream_not_fresh']);
    expect(page.html).toContain('Back to signing in');
  });

  test('nor by who is signed in already, for nobody said when they were asked', async () => {
    expect(isConsent(await signIn())).toBe(true);

    const asked = await walk.begin({ max_age: '3600' });
    expect(new URL(asked.url).pathname).toBe('/interaction/sign-in');
    expect(isConsent(await walk.begin())).toBe(true);
  });

  test('no access token of the provider is logged', () => {
    expect(walk.server.lines.join('')).not.toMatch(/gho_|a secret of the test/);
  });
});
