import { describe, expect, test } from 'vitest';
import { createOAuthProvider, createOpenIdProvider } from '../../src/interaction/index.ts';
import { createPeople } from '../../src/interaction/people.ts';
import { startHostileOpenIdProvider } from '../support/hostile-openid-provider.ts';
import { identityClaims } from '../support/identity-provider.ts';
import { startUpstreamWalk } from '../support/upstream-walk.ts';

const unused = { callback: 'https://as.example/cb', fetch: () => Promise.reject(new Error('not to be asked')) };

const OPENID = {
  id: 'corp',
  label: 'Corp',
  issuer: 'https://id.example.com',
  clientId: 'guardmint',
  scopes: ['openid'],
  algorithms: ['RS256'],
  clockTolerance: 30,
  userInfo: false,
  parameters: {},
  groupsClaim: 'groups',
  scopesByClaim: [],
};
const openId = (changes: Partial<typeof OPENID> & Record<string, unknown> = {}) =>
  createOpenIdProvider({ settings: { ...OPENID, ...changes }, ...unused, clock: () => 0 });

const OAUTH = {
  id: 'host',
  label: 'Host',
  authorizationEndpoint: 'https://code.example.com/authorize',
  tokenEndpoint: 'https://code.example.com/token',
  userInfoEndpoint: 'https://code.example.com/user',
  clientId: 'guardmint',
  scopes: [],
  parameters: {},
  idClaim: 'id',
  scopesByClaim: [],
};
const oauth = (changes: Partial<typeof OAUTH> & Record<string, unknown> = {}) =>
  createOAuthProvider({ settings: { ...OAUTH, ...changes }, ...unused });

describe('people of providers stay signed in', () => {
  const bob = { sub: 'digest', username: 'bob', upstream: { provider: openId().key, scope: [] } };
  const users = {
    authenticate: async () => undefined,
    find: async (subject: string) => ({ subject, username: 'somebody local' }),
  };

  test('while their provider is in the configuration, whatever the directory says', async () => {
    const at = (...providers: Parameters<typeof createPeople>[0]['providers']) => createPeople({ users, providers });

    expect(await at(oauth(), openId()).find(bob)).toEqual({ subject: 'digest', username: 'bob (Corp)' });
    expect(await at(oauth()).find(bob)).toBeUndefined();
    expect(await at().find({ sub: 'local-1' })).toEqual({ subject: 'local-1', username: 'somebody local' });
    expect(await createPeople({ users: undefined, providers: [openId()] }).find({ sub: 'local-1' })).toBeUndefined();
  });

  test.each<[string, Record<string, unknown>]>([
    ['its id', { id: 'other' }],
    ['its issuer', { issuer: 'https://id.example.net' }],
    ['its tenant', { tenant: 't' }],
    ['our client there', { clientId: 'other' }],
    ['the allowed groups', { allowedGroups: ['ops'] }],
    ['the allowed domains', { allowedDomains: ['example.com'] }],
    ['where groups stand', { groupsClaim: 'roles' }],
    ['where the domain stands', { domainClaim: 'hd' }],
    ['what they may grant', { scopesByClaim: [{ scopes: ['mcp:write'], claim: 'groups' }] }],
  ])('and not once an OpenID provider changes %s', (_, changes) => {
    expect(openId(changes).key).not.toBe(openId().key);
    expect(openId({ label: 'Another label', clientSecret: 'rotated', scopes: ['openid', 'email'] }).key).toBe(
      openId().key,
    );
  });

  test.each<[string, Record<string, unknown>]>([
    ['its id', { id: 'other' }],
    ['its user endpoint', { userInfoEndpoint: 'https://code.example.net/user' }],
    ['the claim that names people', { idClaim: 'login' }],
    ['our client there', { clientId: 'other' }],
    ['the allowed groups', { allowedGroups: ['ops'] }],
    ['the allowed domains', { allowedDomains: ['example.com'] }],
    ['where groups are', { groupsEndpoint: 'https://code.example.com/teams' }],
    ['what names a group', { groupsMember: 'slug' }],
    ['where addresses are', { emailsEndpoint: 'https://code.example.com/emails' }],
    ['what they may grant', { scopesByClaim: [{ scopes: ['mcp:write'], claim: 'groups' }] }],
  ])('and not once an OAuth 2.0 provider changes %s', (_, changes) => {
    expect(oauth(changes).key).not.toBe(oauth().key);
  });
});

test('an ID-JAG and a sign-in of one provider are about one person', async () => {
  await using provider = await startHostileOpenIdProvider();
  const agent = {
    client_id: 'agent',
    token_endpoint_auth_method: 'none',
    grant_types: ['urn:ietf:params:oauth:grant-type:jwt-bearer'],
  };
  const office = { client_id: 'office', redirect_uris: ['https://office.example.com/callback'] };
  await using walk = await startUpstreamWalk(
    { local: false, oidc: [provider.settings({ tenant: 'acme' })] },
    {
      clients: [office, agent],
      identityProviders: [{ issuer: provider.issuer, allowPublicClients: true, tenant: 'acme' }],
    },
  );
  const { issuer } = walk.server;
  await walk.follow(await walk.begin());
  const signedIn = walk.server.events.find(({ event }) => event === 'sign_in.succeeded')?.['subject'];

  const claims = identityClaims({ issuer: provider.issuer, audience: issuer, client: 'agent', now: walk.server.now() });
  const assertion = await provider.signer.sign({ ...claims, sub: 'dana', tenant: 'acme' }, { typ: 'oauth-id-jag+jwt' });
  const answer = await walk.server.post('/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    client_id: 'agent',
    assertion,
    scope: 'mcp:read',
  });

  const payload = Buffer.from(String(answer.body['access_token']).split('.')[1] ?? '', 'base64url').toString();
  expect([answer.status, JSON.parse(payload).sub]).toEqual([200, signedIn]);
});
