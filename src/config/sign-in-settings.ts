import { z } from 'zod';
import { flag, group, list, oneOf, seconds, text } from './fields.ts';
import { scopeName } from './protocol-fields.ts';

const address = text(2048).regex(/^https?:\/\/[\x21-\x7e]+$/, {
  error: 'must be an https URL, or http on this machine',
});

const claimName = text(256);

const grantRule = z.strictObject(
  {
    scopes: list(scopeName)
      .min(1, { error: 'must name at least one scope name' })
      .describe('Scope names that people may grant only if an entry of their provider says so. Required.'),
    claim: claimName.describe('The claim that says so, or a JSON Pointer to it. Required.'),
    values: z
      .exactOptional(list(text(1024)).min(1, { error: 'must name at least one value' }))
      .describe('What it must say; of a claim that is a list, one entry. Absent: anything.'),
  },
  { error: 'must be an object' },
);

/** What every provider has, whatever it speaks. */
const anyProvider = {
  id: text(32)
    .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, { error: 'must consist of small letters, digits and single hyphens' })
    .describe('Its name in addresses: `/interaction/upstream/<id>/callback` is where it sends people back. Required.'),
  label: text(48).describe('What the button on the sign-in page calls it. Required.'),
  clientId: text(1024).describe('Who this server is there. Required.'),
  clientSecret: z
    .exactOptional(text(4096))
    .describe('The secret of that client. Absent, and no file: a public client.'),
  clientSecretFile: z.exactOptional(text(4096)).describe('A file that holds `clientSecret`. Not together with it.'),
  clientKeyFile: z
    .exactOptional(text(4096))
    .describe(
      'A file that holds the private JWK, with its `alg`, of a client that authenticates by `private_key_jwt`.',
    ),
  clientAuthentication: z
    .exactOptional(oneOf(['client_secret_basic', 'client_secret_post', 'none']))
    .describe('How the secret is shown. Absent: `client_secret_basic`, without a secret `none`.'),
  parameters: z
    .record(text(64), text(1024), { error: 'must map names to texts' })
    .default({})
    .describe('What else its authorization requests say, for example `{ "hd": "example.com" }`.'),
  usernameClaim: z.exactOptional(claimName).describe('The claim that people are shown as their name here.'),
  allowedGroups: z
    .exactOptional(list(text(1024)).min(1, { error: 'must name at least one group' }))
    .describe('Only who is in one of these may sign in. Absent: everybody it vouches for.'),
  allowedDomains: z
    .exactOptional(list(text(255)).min(1, { error: 'must name at least one domain' }))
    .describe('Only who has a verified e-mail address at one of these may sign in. Absent: everybody it vouches for.'),
  scopesByClaim: list(grantRule)
    .default([])
    .describe('What people may grant only with a certain claim; see [sign-in.md](sign-in.md#what-people-may-grant).'),
};

/** A provider that speaks OpenID Connect. */
const openIdProvider = z.strictObject(
  {
    ...anyProvider,
    issuer: address.describe('Its issuer identifier (OpenID Connect Discovery §4). Required.'),
    tenant: z
      .exactOptional(text(256))
      .describe('The `tenant` in its ID-JAGs, so that people who sign in are the same people. Absent: there is none.'),
    scopes: list(scopeName).default(['openid', 'profile', 'email']).describe('What is asked for; `openid` always is.'),
    algorithms: list(oneOf(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']))
      .min(1, { error: 'must name at least one algorithm' })
      .default(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])
      .describe('The `alg`s its ID tokens may be signed with.'),
    clockTolerance: seconds(0, 300).default(30).describe('How far its clock may be from ours.'),
    userInfo: flag().default(false).describe('Whether claims are asked for at its UserInfo endpoint too.'),
    groupsClaim: claimName.default('groups').describe('The claim that lists groups, or a JSON Pointer to it.'),
    domainClaim: z
      .exactOptional(claimName)
      .describe('The claim that says the domain (Google: `hd`), in place of the e-mail address, for `allowedDomains`.'),
    prompts: z
      .exactOptional(list(oneOf(['login', 'select_account'])))
      .describe('The values of `prompt` it understands. Absent: what its metadata says, else `login` alone.'),
  },
  { error: 'must be an object' },
);

/** A provider that speaks OAuth 2.0 and no more. */
const oauthProvider = z.strictObject(
  {
    ...anyProvider,
    authorizationEndpoint: address.describe('Where people are sent. Required.'),
    tokenEndpoint: address.describe('Where codes are redeemed. Required.'),
    userInfoEndpoint: address.describe(
      'Where it says who the person is, as a JSON object. It is also the realm of its people: another address makes ' +
        'everybody another person. Required.',
    ),
    issuer: z.exactOptional(address).describe('The `iss` of its answers (RFC 9207). Absent: it sends none.'),
    scopes: list(scopeName).default([]).describe('What is asked for.'),
    idClaim: claimName.default('id').describe('What never changes about a person: a text or a whole number.'),
    emailsEndpoint: z
      .exactOptional(address)
      .describe('Where a list of `{ "email", "verified" }` is, for `allowedDomains`.'),
    groupsEndpoint: z
      .exactOptional(address)
      .describe('Where a list of groups is, for `allowedGroups` and `scopesByClaim`.'),
    groupsMember: z
      .exactOptional(claimName)
      .describe('The member of its entries that names the group, for example `login`. Absent: they are texts.'),
  },
  { error: 'must be an object' },
);

/** How people sign in. */
export const signIn = group({
  local: flag().default(true).describe('Whether people sign in with the passwords of the users file.'),
  oidc: list(openIdProvider)
    .default([])
    .describe('OpenID providers that people sign in at; see [sign-in.md](sign-in.md).'),
  oauth2: list(oauthProvider).default([]).describe('The same for providers that speak OAuth 2.0 only, like GitHub.'),
});
