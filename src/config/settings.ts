import { z } from 'zod';
import { client } from './client-settings.ts';
import { checkResource, checkSettings } from './cross-field-rules.ts';
import { flag, group, list, milliseconds, oneOf, seconds, text, whole } from './fields.ts';
import { identityProvider, tokenExchange, workloadIssuer } from './grant-settings.ts';
import { formerKeyBackend, keyBackend } from './key-backend-settings.ts';
import { issuerIdentifier, link, resourceIdentifier, scopeName, sha256Text } from './protocol-fields.ts';
import { signIn } from './sign-in-settings.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const CENTURY = 36_500 * DAY;

const resource = z
  .strictObject(
    {
      resource: resourceIdentifier.describe('Its identifier (RFC 8707), the `aud` of its access tokens. Required.'),
      name: z.exactOptional(text(128)).describe('What people are shown on the consent page.'),
      scopes: z
        .exactOptional(z.record(scopeName, text(512), { error: 'must map scope names to sentences' }))
        .describe('Scope name → the sentence people are shown. Absent: any well-formed scope may be asked for.'),
      defaultScopes: z
        .exactOptional(list(scopeName))
        .describe('What a request that names no scope gets. Absent: all of `scopes`.'),
      requiredScopes: z
        .exactOptional(list(scopeName))
        .describe(
          'The names people cannot leave out of what they allow. Absent: of several, each but the last can be.',
        ),
      introspectedBy: z
        .exactOptional(list(text(2048)))
        .describe('The configured clients that are servers of it, and may ask `/introspect` about its access tokens.'),
      implies: z
        .exactOptional(z.record(scopeName, list(scopeName), { error: 'must map scope names to lists of them' }))
        .describe('Scope name → the names it contains.'),
    },
    { error: 'must be an object' },
  )
  .superRefine(checkResource, { when: () => true });

const colour = text().regex(/^#[0-9a-f]{6}$/i, { error: 'must be a colour such as #0b6b4b' });

/** The URL of a Redis. */
export const REDIS_URL = text(2048).regex(/^rediss?(\+(sentinel|cluster))?:\/\/\S+$/, {
  error: 'must begin with redis://, redis+sentinel:// or redis+cluster://, or the same with rediss for TLS',
});

/** The periods in the life of the keys of one family; `keys` checks that they leave room for what is made with them. */
function keyPeriods(what: string, publishLead: number, activePeriod: number, hold: number) {
  return group({
    publishLead: seconds(0, CENTURY).default(publishLead).describe(`How long a ${what} is known before its first use.`),
    activePeriod: seconds(MINUTE, CENTURY).default(activePeriod).describe(`How long a ${what} is in use.`),
    hold: seconds(0, CENTURY).default(hold).describe(`How long a ${what} is still accepted after that.`),
  });
}

/**
 * Every setting, as it stands in the JSON file. A setting is added here, in `environment.ts` when it may come from the
 * environment, and nowhere else; docs/configuration.md is generated from both.
 */
export const SETTINGS = z
  .strictObject({
    issuer: z
      .exactOptional(issuerIdentifier)
      .describe(
        'The issuer identifier (RFC 8414 §2): the address people and programs reach this server at, used byte for byte. ' +
          'Absent: `http://localhost:` and the port.',
      ),
    host: text(255).default('127.0.0.1').describe('The address to listen on.'),
    port: whole(0, 65_535).default(3000).describe('The port of the authorization server.'),
    managementPort: whole(0, 65_535).default(9000).describe('The port of `/livez`, `/readyz` and `/metrics`.'),
    managementHost: z
      .exactOptional(text(255))
      .describe(
        'The address to listen on for the management port, which is not for everybody. Absent: that of `host`.',
      ),
    keysDir: text(4096).default('keys').describe('The folder of the keys.'),
    keysSecret: z
      .exactOptional(text(8192))
      .describe(
        'What encrypts the private keys in that folder: 32 bytes in base64url, or `passphrase:` and at least 16 ' +
          'characters. One per line: the first encrypts, the others only decrypt. Required for an issuer that is not on ' +
          'this machine.',
      ),
    keysSecretFile: z
      .exactOptional(text(4096))
      .describe('A file that holds `keysSecret`, for secrets that are mounted. Not together with it.'),
    dangerouslyKeepKeysInClear: flag()
      .default(false)
      .describe(
        'Whether an issuer that is not on this machine runs with private keys in clear: whoever reads the folder, a ' +
          'backup or a disk can then issue tokens in its name.',
      ),
    dataDir: text(4096).default('data').describe('The folder of the embedded store.'),
    redisUrl: z
      .exactOptional(REDIS_URL)
      .describe(
        'Where Redis is: `redis://`, `redis+sentinel://`, `redis+cluster://`, or `rediss…` for TLS. ' +
          'Absent: the embedded store in the data folder.',
      ),
    redisUrlFile: z
      .exactOptional(text(4096))
      .describe('A file that holds `redisUrl`, password included. Not together with it.'),
    redisPrefix: text(64)
      .regex(/^[\w.:-]+$/, { error: 'must consist of letters, digits and . : _ -' })
      .default('guardmint:')
      .describe('What every key in Redis begins with, and the pattern of its ACL user. One deployment, one prefix.'),
    redisCaFile: z
      .exactOptional(text(4096))
      .describe('The certificates (PEM) by which Redis is trusted, with `rediss…`. Absent: those of Node.'),
    redisCertFile: z
      .exactOptional(text(4096))
      .describe('The certificate (PEM) shown to a Redis that asks for one. Together with `redisKeyFile`.'),
    redisKeyFile: z.exactOptional(text(4096)).describe('The private key (PEM) of `redisCertFile`.'),
    redisServername: z
      .exactOptional(text(255))
      .describe('The name in the certificate of Redis. Absent: the host of the URL.'),
    redisCommandTimeout: milliseconds(100, 30_000)
      .default(1_000)
      .describe('After how many milliseconds a command to Redis has failed.'),
    redisAcknowledgement: group({
      replicas: z
        .union([z.literal('auto'), whole(0, 16)], { error: 'must be auto, or a whole number from 0 to 16' })
        .default('auto')
        .describe(
          'How many replicas must have what may not be lost before it is answered (WAIT). `auto`: one, wherever there ' +
            'is a replica. A number is demanded without exception.',
        ),
      timeout: milliseconds(10, 15_000)
        .default(200)
        .describe('How many milliseconds to wait for them; at most half of `redisCommandTimeout`.'),
    }),
    redisStrict: flag()
      .default(false)
      .describe('Whether to refuse a Redis that is absent or whose settings lose acknowledged writes.'),
    usersFile: z
      .exactOptional(text(4096))
      .describe('The file of local users. Absent: `users.json` in the data folder.'),
    trustProxy: whole(0, 16)
      .default(0)
      .describe('How many reverse proxies stand in front, each adding one address to `X-Forwarded-For`.'),
    logLevel: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
      .default('info')
      .describe('The least severe level that is logged.'),
    resources: list(resource).default([]).describe('The MCP servers tokens are issued for.'),
    defaultResource: z
      .exactOptional(resourceIdentifier)
      .describe('The resource of a request that names none. Absent: the only one, when there is one.'),
    clients: list(client).default([]).describe('Clients that need not register themselves.'),
    identityProviders: list(identityProvider)
      .default([])
      .describe('Enterprise identity providers that send their people here with an ID-JAG (MCP, SEP-990).'),
    workloadIssuers: list(workloadIssuer)
      .default([])
      .describe('Platforms whose workloads get tokens: a Kubernetes cluster, a SPIFFE trust domain (MCP, SEP-1933).'),
    tokenExchanges: list(tokenExchange)
      .default([])
      .describe('Which MCP server may swap a token it was called with for one at another (RFC 8693).'),
    branding: group({
      name: text(64).default('guardmint').describe('What the pages call this server.'),
      logo: z
        .exactOptional(text(4096))
        .describe('A file with the logo: PNG, WebP or SVG, 256 KiB at most. It stands beside the name.'),
      accent: z
        .exactOptional(z.strictObject({ light: colour, dark: colour }, { error: 'must be an object' }))
        .describe(
          'The colour of links and buttons, as `#rrggbb`, on light and on dark pages; with at least 4.5:1 of contrast.',
        ),
      footerLinks: z
        .exactOptional(list(z.strictObject({ label: text(64), url: link }, { error: 'must be an object' })).max(8))
        .describe('Links below every page: `[{ "label": "Privacy", "url": "https://…" }]`.'),
      supportContact: z
        .exactOptional(text(256))
        .describe('Who helps people, below every page: a mail address, a URL or any other text.'),
      templates: z
        .exactOptional(text(4096))
        .describe('A folder with templates that replace ours: see [pages.md](pages.md#templates-of-your-own).'),
    }),
    signIn,
    lifetimes: group({
      accessToken: seconds(300, 900).default(600).describe('An access token.'),
      authorizationCode: seconds(10, 600).default(60).describe('An authorization code.'),
      refreshIdle: seconds(HOUR, 365 * DAY)
        .default(30 * DAY)
        .describe('A refresh token that is not used.'),
      refreshAbsolute: seconds(HOUR, 730 * DAY)
        .default(90 * DAY)
        .describe('A refresh token, however often used.'),
      request: seconds(MINUTE, HOUR)
        .default(15 * MINUTE)
        .describe('From the authorization request to the decision.'),
      sessionIdle: seconds(5 * MINUTE, 30 * DAY)
        .default(HOUR)
        .describe('A sign-in that is not used.'),
      sessionAbsolute: seconds(5 * MINUTE, 30 * DAY)
        .default(DAY)
        .describe('A sign-in, however often used.'),
      consent: z
        .exactOptional(seconds(0, 365 * DAY))
        .describe(
          'A consent that a browser remembers: see [pages.md](pages.md#remembered-consents). 0: none is. Absent: 30 days, or ' +
            '`refreshAbsolute` where that is shorter.',
        ),
    }),
    refresh: group({
      strict: flag().default(false).describe('Narrows `replayWindow` to 60 seconds.'),
      replayWindow: z
        .exactOptional(seconds(0, 7 * DAY))
        .describe('How long the previous token still gets the same successor. Absent: 86400, with `strict` 60.'),
      burstWindow: seconds(0, MINUTE)
        .default(10)
        .describe('How long after a rotation an older token is refused without ending the grant.'),
      reuse: oneOf(['revoke', 'reject'])
        .default('revoke')
        .describe('What an older token does after that: end the whole grant, or be refused and no more.'),
    }),
    dpop: group({
      nonce: oneOf(['off', 'required'])
        .default('off')
        .describe('Whether DPoP proofs must carry a nonce of this server (RFC 9449 §8), a new one every two minutes.'),
      strict: flag()
        .default(true)
        .describe('Whether used proofs are remembered in the store, for all instances; else in each process alone.'),
    }),
    pushedRequests: group({
      required: flag()
        .default(false)
        .describe(
          'Whether `/authorize` takes only requests that were pushed to `/par` (RFC 9126). Clients that are metadata ' +
            'documents cannot push.',
        ),
      lifetime: seconds(5, 600).default(90).describe('From pushing a request to opening it at `/authorize`.'),
    }),
    registration: group({
      enabled: flag().default(true).describe('Whether clients may register themselves (RFC 7591).'),
      validScopes: z
        .exactOptional(list(scopeName))
        .describe('Scope names a client may register. Absent: those of the resources.'),
      defaultScopes: z.exactOptional(list(scopeName)).describe('Registered when a client names none.'),
      initialAccessTokenHashes: z
        .exactOptional(list(sha256Text('the token')).min(1, { error: 'must name at least one hash' }))
        .describe(
          'SHA-256 of the initial access tokens, in base64url: only who shows one of them may register. Absent: everybody ' +
            'may. `guardmint clients initial-access-token` makes one.',
        ),
      management: flag()
        .default(false)
        .describe(
          'Whether a client may read and delete its registration (RFC 7592). Each deletion is kept for good, so use it with ' +
            '`initialAccessTokenHashes`, and leave it on once clients were deleted.',
        ),
    }),
    clientDocuments: group({
      enabled: flag()
        .default(true)
        .describe('Whether a client_id may be the URL of a metadata document, fetched once the person has signed in.'),
      allow: z
        .exactOptional(list(text(2048)))
        .describe('The hosts whose documents are trusted: `claude.ai`, `*.example.com`, or one URL. Absent: all.'),
      deny: z.exactOptional(list(text(2048))).describe('Hosts whose documents are refused; stronger than `allow`.'),
    }),
    keys: group({
      algorithm: oneOf(['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256', 'ML-DSA-44'])
        .default('ES256')
        .describe(
          'The algorithm of new signing keys (RFC 7518 §3.1, RFC 8037 §3.1). `ML-DSA-44` (RFC 9964) needs `postQuantum`.',
        ),
      postQuantum: flag()
        .default(false)
        .describe(
          'Whether keys may be of `ML-DSA-44`, published in a JWK Set of their own: see ' +
            '[keys.md](keys.md#post-quantum-signatures).',
        ),
      backend: keyBackend
        .default({ kind: 'file' })
        .describe('Where signing keys are made and kept: see [key-backends.md](key-backends.md).'),
      formerBackends: list(formerKeyBackend)
        .default([])
        .describe('Where signing keys may still be that were made before: settings as those of `backend`.'),
      timings: group({
        signing: keyPeriods('signing key', DAY, 30 * DAY, DAY),
        sealing: keyPeriods('secret of codes, requests and sessions', DAY, 30 * DAY, 31 * DAY),
        client: keyPeriods('secret of registered clients', DAY, 365 * DAY, CENTURY),
        refresh: keyPeriods('secret of refresh tokens', DAY, 30 * DAY, 91 * DAY),
      }),
    }),
    rateLimits: group({
      enabled: flag()
        .default(true)
        .describe('Whether requests and sign-in attempts are limited. Off is for drills and benchmarks.'),
      redisUrl: z
        .exactOptional(REDIS_URL)
        .describe(
          'A Redis in which servers share their counts of sign-in attempts; a URL as `redisUrl`. Absent: each counts alone, so ' +
            'that n servers admit n times as many.',
        ),
      authorize: whole(1, 1_000_000).default(60).describe('Requests to `/authorize` per minute and address.'),
      token: whole(1, 1_000_000).default(300).describe('Requests to `/token` per minute and address.'),
      par: whole(1, 1_000_000).default(120).describe('Requests to `/par` per minute and address.'),
      register: whole(1, 1_000_000).default(20).describe('Registrations per minute and address.'),
      introspect: whole(1, 1_000_000).default(600).describe('Requests to `/introspect` per minute and address.'),
      revoke: whole(1, 1_000_000).default(120).describe('Requests to `/revoke` per minute and address.'),
    }),
  })
  .superRefine(checkSettings, { when: () => true });

/** Settings after every check, with defaults. */
export type Settings = z.output<typeof SETTINGS>;
