import { z } from 'zod';
import { isAcceptableRedirectUri, type JsonObject, reject } from '../oauth/index.ts';
import { isFetchableUrl } from '../platform/index.ts';
import type { Client, ClientAuthenticationMethod } from './client.ts';
import { resolveAuthenticationMethods } from './document-authentication-method.ts';
import { hasSecretMember, isAssertionAlgorithm } from './foreign-key.ts';
import { isShownText } from './shown-text.ts';

/** What a Client ID Metadata Document is measured against. */
export interface DocumentRules {
  /** Methods of the token endpoint that a document may choose, the preferred one first. */
  readonly authenticationMethods: readonly ClientAuthenticationMethod[];
  /** Grant types the server offers to such clients; others a document lists are left out. */
  readonly grantTypes: readonly string[];
  /** Whether URLs inside may point to this machine. */
  readonly allowLoopback: boolean;
}

const DEFAULT_GRANT_TYPES = ['authorization_code', 'refresh_token'];
const LINKS = ['client_uri', 'logo_uri', 'tos_uri', 'policy_uri'] as const;
const SECRETS = ['client_secret', 'client_secret_expires_at'];
const ANY_PORT = /^(http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])):\*(?=[/?]|$)/;

const words = z.array(z.string().max(256)).min(1).max(32);
const SCHEMA = z.object({
  client_name: z
    .string()
    .trim()
    .min(1)
    .max(128)
    .refine((name) => isShownText(name)),
  redirect_uris: z.array(z.string()).min(1).max(64),
  grant_types: words.optional(),
  response_types: words.refine((types) => types.includes('code')).optional(),
  token_endpoint_auth_method: z.string().optional(),
  token_endpoint_auth_methods_supported: words.optional(),
  application_type: z.enum(['native', 'web']).optional().catch(undefined),
  jwks: z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(16) }).optional(),
  jwks_uri: z.string().max(1024).optional(),
  token_endpoint_auth_signing_alg: z.string().max(64).optional(),
  dpop_bound_access_tokens: z.boolean().optional(),
});

/**
 * The client of a Client ID Metadata Document (draft-ietf-oauth-client-id-metadata-document-02 §4, with the members MCP
 * requires). Unknown members are ignored; links that could not be shown or fetched safely are left out.
 * @throws OAuthError `client_document_invalid`, with the `member` at fault.
 */
export function parseMetadataDocument(document: JsonObject, clientId: string, rules: DocumentRules): Client {
  // Simple string comparison (RFC 3986 §6.2.1): a document speaks for the one URL it is published at.
  if (document['client_id'] !== clientId) throw invalid('client_id');
  const members: JsonObject = Object.fromEntries(Object.entries(document).filter(([, value]) => value !== null));
  for (const secret of SECRETS) if (members[secret] !== undefined) throw invalid(secret);
  const parsed = SCHEMA.safeParse(members);
  if (!parsed.success) throw invalid(String(parsed.error.issues[0]?.path[0] ?? ''));
  const { client_name, grant_types, jwks, jwks_uri, application_type, ...rest } = parsed.data;

  // "Any port", as some tools write it for what a URI without a port already means (RFC 8252 §7.3).
  const redirectUris = [...new Set(rest.redirect_uris.map((uri) => uri.replace(ANY_PORT, '$1')))];
  if (!redirectUris.every(isAcceptableRedirectUri)) throw invalid('redirect_uris');
  if (jwks !== undefined && (jwks_uri !== undefined || jwks.keys.some(hasSecretMember))) throw invalid('jwks');
  if (jwks_uri !== undefined && !isFetchableUrl(jwks_uri, rules)) throw invalid('jwks_uri');
  const {
    token_endpoint_auth_method: preferred,
    token_endpoint_auth_methods_supported: supported,
    token_endpoint_auth_signing_alg: signingAlgorithm,
  } = rest;
  const hasKeys = jwks !== undefined || jwks_uri !== undefined;
  const [method, ...others] = resolveAuthenticationMethods(
    { preferred, supported, hasKeys },
    rules.authenticationMethods,
  );
  const usesKeys = method === 'private_key_jwt' || others.includes('private_key_jwt');
  if (usesKeys && signingAlgorithm !== undefined && !isAssertionAlgorithm(signingAlgorithm))
    throw invalid('token_endpoint_auth_signing_alg');
  const grantTypes = [...new Set(grant_types ?? DEFAULT_GRANT_TYPES)].filter((type) => rules.grantTypes.includes(type));
  if (grantTypes.length === 0) throw invalid('grant_types');

  return {
    clientId,
    origin: 'document',
    clientName: client_name,
    redirectUris,
    grantTypes,
    authenticationMethod: method,
    ...(others.length > 0 && { otherAuthenticationMethods: others }),
    ...(jwks !== undefined && { jwks }),
    ...(jwks_uri !== undefined && { jwksUri: jwks_uri }),
    ...(signingAlgorithm !== undefined && { signingAlgorithm }),
    ...(rest.dpop_bound_access_tokens === true && { dpopBoundAccessTokens: true }),
    metadata: {
      client_id: clientId,
      client_name,
      redirect_uris: redirectUris,
      grant_types: grantTypes,
      response_types: ['code'],
      token_endpoint_auth_method: method,
      ...(supported !== undefined && { token_endpoint_auth_methods_supported: [method, ...others] }),
      ...(application_type !== undefined && { application_type }),
      ...(rest.dpop_bound_access_tokens === true && { dpop_bound_access_tokens: true }),
      ...(jwks !== undefined && { jwks }),
      ...(jwks_uri !== undefined && { jwks_uri }),
      ...showableLinks(members, rules),
    },
  };
}

function showableLinks(members: JsonObject, rules: DocumentRules): JsonObject {
  return Object.fromEntries(
    LINKS.map((name) => [name, members[name]]).filter(
      ([, link]) => typeof link === 'string' && link.length <= 1024 && isShownText(link) && isFetchableUrl(link, rules),
    ),
  );
}

function invalid(member: string) {
  return reject('client_document_invalid', { member });
}
