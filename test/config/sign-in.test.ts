import { describe, expect, test } from 'vitest';
import { type Config, ConfigError, loadConfig, printableConfig } from '../../src/config/index.ts';
import type { JsonObject } from '../../src/oauth/index.ts';

const CORP = { id: 'corp', label: 'Corp', issuer: 'https://id.example.com', clientId: 'guardmint' };
const CODE_HOST = {
  id: 'code-host',
  label: 'Code host',
  clientId: 'guardmint',
  authorizationEndpoint: 'https://code.example.com/login/oauth/authorize',
  tokenEndpoint: 'https://code.example.com/login/oauth/access_token',
  userInfoEndpoint: 'https://api.code.example.com/user',
};

function load(settings: JsonObject, files: Readonly<Record<string, string>> = {}): Config {
  return loadConfig({
    env: {},
    readFile: (path) => (path === 'guardmint.json' ? JSON.stringify(settings) : files[path]),
  });
}

function problemsOf(settings: JsonObject, files?: Readonly<Record<string, string>>): readonly string[] {
  try {
    load(settings, files);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ setting, fault }) => `${setting}: ${fault}`);
  }
}

describe('where people sign in', () => {
  test('an OpenID provider needs a name, a label, an issuer and a client, and no more', () => {
    const { signIn } = load({ signIn: { local: false, oidc: [CORP] } });

    expect(signIn).toEqual({
      local: false,
      oauth2: [],
      oidc: [
        {
          ...CORP,
          parameters: {},
          scopes: ['openid', 'profile', 'email'],
          algorithms: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'],
          clockTolerance: 30,
          userInfo: false,
          groupsClaim: 'groups',
          scopesByClaim: [],
        },
      ],
    });
  });

  test('a client secret may lie in a file, and is shown to nobody', () => {
    const config = load(
      {
        signIn: {
          oidc: [{ ...CORP, clientSecretFile: '/run/secrets/corp' }],
          oauth2: [{ ...CODE_HOST, clientSecret: 'another secret' }],
        },
      },
      { '/run/secrets/corp': 'hunter2\n' },
    );

    expect(config.signIn.oidc[0]?.clientSecret).toBe('hunter2');
    const shown = JSON.stringify(printableConfig(config));
    expect(shown).not.toMatch(/hunter2|another secret/);
    expect(shown.match(/\(set, not shown\)/g)).toHaveLength(2);
  });

  test.each<[string, JsonObject, string]>([
    [
      'http elsewhere',
      { oidc: [{ ...CORP, issuer: 'http://id.example.com' }] },
      'signIn.oidc[0].issuer: must be an https URL, or http on this machine',
    ],
    [
      'an address with a password',
      { oauth2: [{ ...CODE_HOST, tokenEndpoint: 'https://a:b@code.example.com/t' }] },
      'signIn.oauth2[0].tokenEndpoint: must be an https URL, or http on this machine',
    ],
    [
      'one name twice',
      { oidc: [CORP], oauth2: [{ ...CODE_HOST, id: 'corp' }] },
      'signIn.oauth2[0].id: is used by two providers',
    ],
    [
      'a name that is no part of an address',
      { oidc: [{ ...CORP, id: 'Corp/..' }] },
      'signIn.oidc[0].id: must consist of small letters, digits and single hyphens',
    ],
    [
      'this server itself',
      { oidc: [{ ...CORP, issuer: 'http://localhost:3000' }] },
      'signIn.oidc[0].issuer: must not be this server itself',
    ],
    [
      'a secret and a file',
      { oidc: [{ ...CORP, clientSecret: 's', clientSecretFile: 'f' }] },
      'signIn.oidc[0].clientSecretFile: cannot be set together with clientSecret',
    ],
    [
      'a file that is not there',
      { oidc: [{ ...CORP, clientSecretFile: '/run/none' }] },
      'signIn.oidc[0].clientSecretFile: there is no file /run/none',
    ],
    [
      'a method without a secret',
      { oidc: [{ ...CORP, clientAuthentication: 'client_secret_post' }] },
      'signIn.oidc[0].clientSecret: or clientSecretFile is required for client_secret_post',
    ],
    [
      'a key and a secret',
      { oidc: [{ ...CORP, clientSecret: 's', clientKeyFile: 'f' }] },
      'signIn.oidc[0].clientKeyFile: must be the only way in which the client authenticates',
    ],
    [
      'a secret without a method',
      { oidc: [{ ...CORP, clientSecret: 's', clientAuthentication: 'none' }] },
      'signIn.oidc[0].clientAuthentication: must not be none for a client with a secret',
    ],
    [
      'a parameter of ours',
      { oidc: [{ ...CORP, parameters: { state: 'x' } }] },
      'signIn.oidc[0].parameters.state: is said by this server itself',
    ],
    [
      'symmetric signatures',
      { oidc: [{ ...CORP, algorithms: ['HS256'] }] },
      'signIn.oidc[0].algorithms[0]: must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA',
    ],
    [
      'domains nobody asks for',
      { oauth2: [{ ...CODE_HOST, allowedDomains: ['example.com'] }] },
      'signIn.oauth2[0].emailsEndpoint: is required for allowedDomains',
    ],
    [
      'groups nobody asks for',
      { oauth2: [{ ...CODE_HOST, allowedGroups: ['team'] }] },
      'signIn.oauth2[0].groupsEndpoint: is required for allowedGroups',
    ],
  ])('%s is refused', (_, signIn, problem) => {
    expect(problemsOf({ signIn })).toEqual([`guardmint.json: ${problem}`]);
  });

  test('a guarded scope must be one of a resource, or it would guard nothing', () => {
    const resources = [{ resource: 'https://mcp.example.com', scopes: { admin: 'Do everything' } }];
    const guard = (name: string) => ({
      ...CORP,
      scopesByClaim: [{ scopes: [name], claim: 'groups', values: ['ops'] }],
    });

    expect(problemsOf({ resources, signIn: { oidc: [guard('admin')] } })).toEqual([]);
    expect(problemsOf({ resources, signIn: { oidc: [guard('amdin')] } })).toEqual([
      'guardmint.json: signIn.oidc[0].scopesByClaim[0].scopes[0]: "amdin" is a scope of no resource',
    ]);
  });

  test.each<[string, JsonObject, string]>([
    [
      'an issuer of everybody',
      { issuer: 'https://login.microsoftonline.com/common/v2.0' },
      'vouches for the people of every organisation',
    ],
    [
      'Google by e-mail address',
      { issuer: 'https://accounts.google.com', allowedDomains: ['example.com'] },
      'set domainClaim',
    ],
  ])('%s is warned of', (_, changes, warning) => {
    expect(load({ signIn: { oidc: [{ ...CORP, ...changes }] } }).warnings.join('\n')).toContain(warning);
  });
});
