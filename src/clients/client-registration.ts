import { z } from 'zod';
import { isAcceptableRedirectUri, type JsonObject, parseScope, reject } from '../oauth/index.ts';
import { isFetchableUrl } from '../platform/index.ts';
import type { ClientAuthenticationMethod } from './client.ts';
import { hasSecretMember, isAssertionAlgorithm } from './foreign-key.ts';
import { parseForeignKeys } from './jwk-set.ts';
import { isShownText } from './shown-text.ts';

/** Client metadata (RFC 7591 §2) after every check: what is registered and echoed. Members as on the wire. */
export interface ClientMetadata {
  readonly redirect_uris: readonly string[];
  readonly grant_types: readonly string[];
  readonly response_types: readonly string[];
  readonly token_endpoint_auth_method: ClientAuthenticationMethod;
  readonly client_name?: string;
  readonly client_uri?: string;
  readonly logo_uri?: string;
  readonly tos_uri?: string;
  readonly policy_uri?: string;
  readonly contacts?: readonly string[];
  readonly software_id?: string;
  readonly software_version?: string;
  readonly application_type?: 'native' | 'web';
  readonly scope?: string;
  /** Of a client with `private_key_jwt`: its public keys, or where they are. */
  readonly jwks?: { readonly keys: readonly JsonObject[] };
  readonly jwks_uri?: string;
  readonly token_endpoint_auth_signing_alg?: string;
  readonly dpop_bound_access_tokens?: boolean;
  readonly require_pushed_authorization_requests?: boolean;
}

/** What registration admits. */
export interface RegistrationPolicy {
  /** Grant types the server offers; others a client asks for are left out of what is registered. */
  readonly grantTypes: readonly string[];
  /** Whether clients may prove themselves with keys (`private_key_jwt`); absent: they may not. */
  readonly acceptsKeys?: boolean;
  /** Scope names a client may name; absent: any. Unknown names are left out of what is registered. */
  readonly validScopes?: readonly string[];
  /** Registered when a client names no scope. */
  readonly defaultScopes?: readonly string[];
}

const METHODS = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;
const INTERACTIVE = 'authorization_code';
const UNSAFE_GRANT_TYPES = new Set(['implicit', 'password']);

const text = (max: number) => z.string().max(max).refine(isShownText);
const emptyIsAbsent = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());
const link = text(1024).refine(isShowableLink);

const SCHEMA = z.object({
  redirect_uris: z.array(z.string()).min(1).max(16),
  grant_types: z.array(text(128)).min(1).max(16).optional(),
  response_types: z.array(z.literal('code')).length(1).optional(),
  token_endpoint_auth_method: z.enum(METHODS).optional(),
  client_name: emptyIsAbsent(text(128).transform((name) => name.trim())),
  client_uri: emptyIsAbsent(link),
  logo_uri: emptyIsAbsent(link),
  tos_uri: emptyIsAbsent(link),
  policy_uri: emptyIsAbsent(link),
  jwks: z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(8) }).optional(),
  jwks_uri: emptyIsAbsent(text(1024)),
  token_endpoint_auth_signing_alg: emptyIsAbsent(text(16)),
  contacts: z.array(text(256)).max(8).optional(),
  software_id: emptyIsAbsent(text(128)),
  software_version: emptyIsAbsent(text(64)),
  application_type: z.enum(['native', 'web']).optional(),
  scope: emptyIsAbsent(text(1024)),
  dpop_bound_access_tokens: z.boolean().optional(),
  require_pushed_authorization_requests: z.boolean().optional(),
});

/**
 * Reads a registration request (RFC 7591 §3.1). Unknown members are ignored and not echoed, and `null` counts as absent;
 * what cannot be honoured is refused or, for extra grant types and scope names, left out of the answer.
 * @throws OAuthError `registration_redirect_uri_invalid`, `registration_metadata_invalid`,
 *   `registration_scope_not_allowed`, `registration_software_statement_unsupported`.
 */
export function parseClientMetadata(request: JsonObject, policy: RegistrationPolicy): ClientMetadata {
  const given = withoutAbsent(request);
  if (given['software_statement'] !== undefined) throw reject('registration_software_statement_unsupported');
  const parsed = SCHEMA.safeParse(given);
  if (!parsed.success) {
    const members = [...new Set(parsed.error.issues.map((issue) => String(issue.path[0] ?? '')))];
    const isRedirect = members.includes('redirect_uris');
    throw reject(isRedirect ? 'registration_redirect_uri_invalid' : 'registration_metadata_invalid', {
      members: members.join(' '),
    });
  }
  const { scope: wantedScope, grant_types, client_name, ...others } = parsed.data;
  const { jwks, jwks_uri, token_endpoint_auth_signing_alg, ...rest } = others;
  if (!rest.redirect_uris.every(isAcceptableRedirectUri)) throw reject('registration_redirect_uri_invalid');

  const wanted = grant_types ?? [INTERACTIVE, 'refresh_token'];
  if (!wanted.includes(INTERACTIVE) || wanted.some((grant) => UNSAFE_GRANT_TYPES.has(grant))) {
    throw faulty('grant_types');
  }
  const scope = registrableScope(wantedScope, policy);
  return withoutAbsent({
    ...rest,
    redirect_uris: [...new Set(rest.redirect_uris)],
    grant_types: [...new Set(wanted)].filter((grant) => policy.grantTypes.includes(grant)),
    response_types: ['code'],
    token_endpoint_auth_method: rest.token_endpoint_auth_method ?? 'client_secret_basic',
    client_name: client_name === '' ? undefined : client_name,
    scope,
    ...registrableKeys(others, policy),
  }) as unknown as ClientMetadata;
}

/** The keys of a client that uses them; of every other client they are left out of what is registered. */
function registrableKeys(
  members: Pick<
    z.output<typeof SCHEMA>,
    'jwks' | 'jwks_uri' | 'token_endpoint_auth_method' | 'token_endpoint_auth_signing_alg'
  >,
  policy: RegistrationPolicy,
): JsonObject {
  const { jwks, jwks_uri, token_endpoint_auth_signing_alg: alg } = members;
  if (jwks?.keys.some(hasSecretMember) === true || (jwks !== undefined && jwks_uri !== undefined)) throw faulty('jwks');
  if (jwks_uri !== undefined && !isFetchableUrl(jwks_uri)) throw faulty('jwks_uri');
  if (members.token_endpoint_auth_method !== 'private_key_jwt') return {};
  if (policy.acceptsKeys !== true) throw faulty('token_endpoint_auth_method');
  if (alg !== undefined && !isAssertionAlgorithm(alg)) throw faulty('token_endpoint_auth_signing_alg');
  const algorithm = { token_endpoint_auth_signing_alg: alg };
  if (jwks_uri !== undefined) return { jwks_uri, ...algorithm };
  const keys = parseForeignKeys(jwks);
  if (keys === undefined || keys.refused.length > 0 || keys.usable.length === 0) throw faulty('jwks');
  return { jwks: { keys: keys.usable.map(({ jwk }) => jwk) }, ...algorithm };
}

function faulty(member: string) {
  return reject('registration_metadata_invalid', { members: member });
}

function registrableScope(wanted: string | undefined, policy: RegistrationPolicy): string | undefined {
  let names: readonly string[] | undefined;
  try {
    names = parseScope(wanted) ?? policy.defaultScopes;
  } catch {
    throw reject('registration_scope_not_allowed');
  }
  const { validScopes } = policy;
  const known = validScopes === undefined ? names : names?.filter((name) => validScopes.includes(name));
  return known === undefined || known.length === 0 ? undefined : known.join(' ');
}

function withoutAbsent(members: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null));
}

/** `https`, or `http` on this machine: what may be shown to a person as a link. */
function isShowableLink(value: string): boolean {
  if (!/^https?:\/\//i.test(value)) return false;
  const url = URL.parse(value);
  if (url === null || url.username !== '' || url.password !== '') return false;
  return (
    url.protocol === 'https:' ||
    url.hostname === 'localhost' ||
    url.hostname === '127.0.0.1' ||
    url.hostname === '[::1]'
  );
}
