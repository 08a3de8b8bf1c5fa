import { z } from 'zod';
import { flag, list, oneOf, seconds, text } from './fields.ts';
import { resourceIdentifier, scopeName } from './protocol-fields.ts';

/** The grant_type of token exchange (RFC 8693). */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** The grant_type of assertions (RFC 7523 §2.1). */
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** What a configured client may have among its grant_types. */
export const GRANT_TYPES = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  JWT_BEARER,
  TOKEN_EXCHANGE,
] as const;

/** One exchange of tokens that is allowed. */
export const tokenExchange = z.strictObject(
  {
    client: text(2048).describe(
      'The client_id of the MCP server that exchanges: an entry of `clients` with the grant type. Required.',
    ),
    from: resourceIdentifier.describe('The resource whose tokens it may exchange: its own. Required.'),
    to: resourceIdentifier.describe('The resource it may get tokens for. Required.'),
    scopes: z
      .exactOptional(z.record(scopeName, list(scopeName), { error: 'must map scope names to lists of them' }))
      .describe('Scope name at `from` → the names it stands for at `to`. Absent: the names both have.'),
  },
  { error: 'must be an object' },
);

const REPLAY = ['once', 'until_expiry'] as const;

/** Whose assertions count, and where the keys are with which they are signed. */
const trustedIssuer = {
  issuer: text(2048).describe('The `iss` of its assertions, compared as text. Required.'),
  jwks: z
    .exactOptional(z.looseObject({ keys: list(z.record(z.string(), z.unknown())) }, { error: 'must be a JWK Set' }))
    .describe('Its public keys (RFC 7517 §5).'),
  jwksUri: z
    .exactOptional(text(2048))
    .describe('Where its public keys are. Absent, and no `jwks`: where the metadata of the issuer says.'),
  privateNetwork: flag()
    .default(false)
    .describe('Whether its keys are fetched from names and addresses that are not public too, as those of a cluster.'),
  caFile: z.exactOptional(text(4096)).describe('Certificates (PEM) that its host is verified with. Absent: the usual.'),
  algorithms: z
    .exactOptional(list(text(16)))
    .describe('The `alg`s it signs with, for example `ES256`. Absent: every asymmetric one.'),
};

const audienceOfAny = z.exactOptional(list(resourceIdentifier)).describe('The resources it is for. Absent: all.');
const scopesOfAny = z.exactOptional(list(scopeName)).describe('The scope names it is for at most. Absent: all.');

/** An enterprise identity provider whose ID-JAGs count. */
export const identityProvider = z.strictObject(
  {
    ...trustedIssuer,
    tenant: z.exactOptional(text(256)).describe('The `tenant` its assertions must name. Absent: any.'),
    clients: z
      .exactOptional(list(text(2048)))
      .describe('The client_ids its assertions may be made for. Absent: any client that has the grant type.'),
    allowPublicClients: flag().default(false).describe('Whether clients that do not authenticate may bring them.'),
    resources: audienceOfAny,
    scopes: scopesOfAny,
    subject: oneOf(['derived', 'sub', 'aud_sub'])
      .default('derived')
      .describe(
        'Who the person is here: `derived`, a digest of issuer, tenant and `sub`; `sub` itself; or `aud_sub`, the subject ' +
          'that the provider says the person has here.',
      ),
    maxLifetime: seconds(30, 3_600).default(300).describe('How far ahead of now an assertion may expire.'),
    replay: oneOf(REPLAY)
      .default('once')
      .describe('Whether an assertion buys one access token, or as many as are asked for until it expires.'),
  },
  { error: 'must be an object' },
);

/** A platform whose workloads get tokens. */
export const workloadIssuer = z.strictObject(
  {
    ...trustedIssuer,
    audiences: list(text(2048))
      .default([])
      .describe('Audiences that count as this server, beside the issuer and the token endpoint.'),
    maxLifetime: seconds(30, 86_400).default(7_200).describe('How far ahead of now a token of it may expire.'),
    replay: oneOf(REPLAY)
      .default('until_expiry')
      .describe('Whether its token buys one access token, or as many as are asked for until it expires.'),
    workloads: z
      .array(
        z.strictObject(
          {
            clientId: text(1024).describe('Who the workload is here: `client_id` and `sub` of its tokens. Required.'),
            claims: z
              .record(
                text(512),
                z.union([text(2048), list(text(2048)).min(1)], { error: 'must be a text or a list' }),
                {
                  error: 'must map claims to texts',
                },
              )
              .describe(
                'Claim, or JSON Pointer to one inside another → what it must say; `*` at the end stands for anything. Required.',
              ),
            resources: audienceOfAny,
            scopes: scopesOfAny,
          },
          { error: 'must be an object' },
        ),
        { error: 'must be a list' },
      )
      .min(1, { error: 'must name at least one workload' })
      .describe('Which of its workloads get tokens: the first entry that fits. Required.'),
  },
  { error: 'must be an object' },
);
