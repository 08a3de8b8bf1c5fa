interface Rejection {
  readonly error: string;
  readonly status: number;
  readonly description: string;
}

const CODE = { error: 'invalid_grant', status: 400, description: 'The authorization code is not valid.' };
const REFRESH = { error: 'invalid_grant', status: 400, description: 'The refresh token is not valid.' };
const CLIENT = { error: 'invalid_client', status: 401, description: 'Client authentication failed.' };
const DOCUMENT = {
  error: 'invalid_client',
  status: 401,
  description: 'The client metadata document could not be fetched or is not acceptable.',
};
const ASSERTION = { error: 'invalid_grant', status: 400, description: 'The assertion is not valid.' };
// RFC 8693 §2.2.2 has this code for everything that is wrong with a subject token.
const SUBJECT = { error: 'invalid_request', status: 400, description: 'The subject token is not acceptable.' };
const PROOF = { error: 'invalid_dpop_proof', status: 400, description: 'The DPoP proof is not valid.' };
const ACCESS_TOKEN = { error: 'invalid_token', status: 401, description: 'The access token is not valid.' };
const METADATA = { error: 'invalid_client_metadata', status: 400 };
const REQUEST = { error: 'invalid_request', status: 400 };

/**
 * The table of refusals: every reason for which a request is turned down, and the one answer the wire sees.
 * Several reasons share an answer on purpose: a caller learns that it failed, not how close it came.
 * docs/errors.md is generated from it.
 */
export const REJECTIONS = {
  // how a request is written
  parameter_missing: { ...REQUEST, description: 'A required parameter is missing.' },
  parameter_repeated: { ...REQUEST, description: 'A parameter must not appear more than once.' },
  header_repeated: { ...REQUEST, description: 'A header must not appear more than once.' },
  parameter_malformed: { ...REQUEST, description: 'A parameter is malformed.' },
  content_type_unsupported: { ...REQUEST, description: 'The content type of the request is not supported.' },
  body_malformed: { ...REQUEST, description: 'The request body could not be read.' },
  body_too_large: { error: 'invalid_request', status: 413, description: 'The request body is too large.' },
  method_not_allowed: { error: 'invalid_request', status: 405, description: 'The method is not allowed here.' },
  not_found: { error: 'not_found', status: 404, description: 'There is nothing at this address.' },
  rate_limited: { error: 'temporarily_unavailable', status: 429, description: 'Too many requests. Try again later.' },

  // who is asking
  client_missing: { ...REQUEST, description: 'client_id is missing.' },
  client_unknown: CLIENT,
  client_unknown_at_authorize: { ...REQUEST, description: 'The client is not known here.' },
  client_credentials_missing: CLIENT,
  client_credentials_wrong: CLIENT,
  client_credentials_malformed: CLIENT,
  client_authentication_method_wrong: CLIENT,
  client_authentication_ambiguous: { ...REQUEST, description: 'Use one client authentication method only.' },
  client_assertion_invalid: CLIENT,
  client_assertion_replayed: CLIENT,
  client_id_mismatch: { ...REQUEST, description: 'The request names two different clients.' },

  // Client ID Metadata Documents: one answer for every failure, so that it maps no network
  client_document_unreachable: DOCUMENT,
  client_document_invalid: DOCUMENT,
  client_document_refused: { error: 'invalid_client', status: 401, description: 'This client is not accepted here.' },

  // where an answer may be sent
  redirect_uri_missing: { ...REQUEST, description: 'redirect_uri is missing.' },
  redirect_uri_not_registered: { ...REQUEST, description: 'redirect_uri is not registered for this client.' },

  // the authorization request
  response_type_missing: { ...REQUEST, description: 'response_type is missing.' },
  response_type_unsupported: {
    error: 'unsupported_response_type',
    status: 400,
    description: 'Only the response type code is supported.',
  },
  response_mode_unsupported: { ...REQUEST, description: 'Only the response mode query is supported.' },
  request_object_unsupported: {
    error: 'request_not_supported',
    status: 400,
    description: 'Request objects are not supported.',
  },
  request_uri_unsupported: {
    error: 'request_uri_not_supported',
    status: 400,
    description: 'request_uri is not supported.',
  },
  request_uri_invalid: {
    error: 'invalid_request_uri',
    status: 400,
    description: 'The request_uri is not valid, or has expired.',
  },
  pushed_request_required: { ...REQUEST, description: 'The authorization request must be pushed first.' },
  code_challenge_missing: { ...REQUEST, description: 'code_challenge is required.' },
  code_challenge_malformed: { ...REQUEST, description: 'code_challenge must be a base64url SHA-256 value.' },
  code_challenge_method_unsupported: {
    ...REQUEST,
    description: 'code_challenge_method must be S256.',
  },
  scope_malformed: { error: 'invalid_scope', status: 400, description: 'The scope is malformed.' },
  scope_not_allowed: { error: 'invalid_scope', status: 400, description: 'The scope is not allowed.' },
  resource_malformed: {
    error: 'invalid_target',
    status: 400,
    description: 'The resource must be an absolute URI without a fragment.',
  },
  resource_unknown: { error: 'invalid_target', status: 400, description: 'The resource is not known here.' },
  resource_missing: { error: 'invalid_target', status: 400, description: 'The resource must be named.' },
  resource_mismatch: {
    error: 'invalid_target',
    status: 400,
    description: 'The resource is not the one that was granted.',
  },
  access_denied: { error: 'access_denied', status: 403, description: 'The request was denied.' },
  sign_in_required: { error: 'login_required', status: 400, description: 'The person must sign in.' },
  consent_required: { error: 'consent_required', status: 400, description: 'The person must consent.' },

  // the token request
  grant_type_missing: { ...REQUEST, description: 'grant_type is missing.' },
  grant_type_unsupported: {
    error: 'unsupported_grant_type',
    status: 400,
    description: 'The grant type is not supported.',
  },
  grant_type_not_allowed: {
    error: 'unauthorized_client',
    status: 400,
    description: 'The client may not use this grant type.',
  },
  client_revoked: {
    error: 'unauthorized_client',
    status: 400,
    description: 'The access of this client has been revoked.',
  },
  code_unknown: CODE,
  code_expired: CODE,
  code_spent: CODE,
  code_of_other_client: CODE,
  code_of_other_key: CODE,
  code_revoked: CODE,
  code_redirect_uri_mismatch: CODE,
  code_verifier_missing: { ...REQUEST, description: 'code_verifier is missing.' },
  code_verifier_wrong: CODE,
  refresh_token_unknown: REFRESH,
  refresh_token_expired: REFRESH,
  refresh_token_reused: REFRESH,
  refresh_token_superseded: REFRESH,
  refresh_token_revoked: REFRESH,
  refresh_token_of_other_client: REFRESH,
  refresh_token_of_other_key: REFRESH,

  // proof of possession (RFC 9449 §5, §8)
  dpop_proof_invalid: PROOF,
  dpop_proof_replayed: PROOF,
  dpop_proof_missing: { ...PROOF, description: 'A DPoP proof is required.' },
  dpop_nonce_required: {
    error: 'use_dpop_nonce',
    status: 400,
    description: 'The DPoP proof must carry the nonce of this server.',
  },

  // assertions of identity providers and workloads (RFC 7521 §4.1.1, RFC 7523 §3.1)
  assertion_malformed: ASSERTION,
  assertion_invalid: ASSERTION,
  assertion_issuer_untrusted: ASSERTION,
  assertion_audience_wrong: ASSERTION,
  assertion_expired: ASSERTION,
  assertion_signature_wrong: ASSERTION,
  assertion_tenant_wrong: ASSERTION,
  assertion_of_other_client: ASSERTION,
  assertion_details_unsupported: ASSERTION,
  assertion_of_other_sender: ASSERTION,
  assertion_workload_unknown: ASSERTION,
  assertion_revoked: ASSERTION,
  assertion_spent: ASSERTION,
  assertion_resource_unknown: { error: 'invalid_target', status: 400, description: 'The resource is not known here.' },
  resource_not_permitted: {
    error: 'invalid_target',
    status: 400,
    description: 'The assertion does not permit this resource.',
  },

  // token exchange (RFC 8693)
  subject_token_type_unsupported: {
    ...REQUEST,
    description: 'The subject token must be an access token of this server.',
  },
  requested_token_type_unsupported: { ...REQUEST, description: 'Only access tokens are issued.' },
  actor_token_unsupported: {
    ...REQUEST,
    description: 'Actor tokens are not supported: the client acts, as itself.',
  },
  subject_token_unknown: SUBJECT,
  subject_token_expired: SUBJECT,
  subject_token_revoked: SUBJECT,
  subject_token_of_other_resource: SUBJECT,
  subject_token_for_other_actor: SUBJECT,
  subject_token_chain_too_long: SUBJECT,
  subject_token_bound: SUBJECT,
  exchange_target_not_allowed: {
    error: 'invalid_target',
    status: 400,
    description: 'The client may not exchange tokens for this resource.',
  },

  // the revocation feed
  revocations_gone: {
    error: 'invalid_request',
    status: 410,
    description: 'The position is not known. Read the whole list.',
  },

  // registration (RFC 7591 §3.2.2)
  registration_redirect_uri_invalid: {
    error: 'invalid_redirect_uri',
    status: 400,
    description: 'A redirect_uri is not acceptable.',
  },
  registration_metadata_invalid: { ...METADATA, description: 'The client metadata is not acceptable.' },
  registration_too_large: { ...METADATA, description: 'The client metadata is too large.' },
  registration_scope_not_allowed: { ...METADATA, description: 'The scope is not allowed.' },
  registration_software_statement_unsupported: {
    error: 'unapproved_software_statement',
    status: 400,
    description: 'Software statements are not accepted.',
  },

  initial_access_token_invalid: ACCESS_TOKEN,
  registration_access_token_invalid: ACCESS_TOKEN,

  // the pages
  interaction_expired: { ...REQUEST, description: 'This page has expired.' },
  interaction_of_other_browser: {
    error: 'invalid_request',
    status: 403,
    description: 'This page was opened in another browser.',
  },
  interaction_of_other_person: {
    error: 'invalid_request',
    status: 403,
    description: 'This page was made for another person.',
  },
  interaction_cross_site: { error: 'invalid_request', status: 403, description: 'The form was sent by another site.' },
  interaction_spent: { ...REQUEST, description: 'This page was already used.' },
  scope_not_grantable: {
    error: 'access_denied',
    status: 403,
    description: 'The person may not grant any of the scope that was asked for.',
  },

  // people who sign in at another provider
  upstream_unknown: { error: 'not_found', status: 404, description: 'There is no such way to sign in.' },
  upstream_state_invalid: { ...REQUEST, description: 'The answer belongs to no sign-in of this server.' },
  upstream_of_other_provider: { ...REQUEST, description: 'The answer belongs to a sign-in at another provider.' },
  upstream_spent: { ...REQUEST, description: 'The answer of the provider was already used.' },
  upstream_denied: { error: 'access_denied', status: 403, description: 'The sign-in was ended at the provider.' },
  upstream_refused: { error: 'access_denied', status: 403, description: 'The provider refused the sign-in.' },
  upstream_issuer_wrong: { ...REQUEST, description: 'The answer does not come from the provider that was asked.' },
  upstream_answer_invalid: { ...REQUEST, description: 'The answer of the provider is not valid.' },
  upstream_not_fresh: {
    error: 'access_denied',
    status: 403,
    description: 'The provider did not ask the person again, as the request demands.',
  },
  upstream_account_not_admitted: {
    error: 'access_denied',
    status: 403,
    description: 'Accounts like this one may not sign in here.',
  },

  // a provider of somebody else, that says no more than an error code
  provider_refused: { ...REQUEST, description: 'The request was refused.' },

  // ours
  unavailable: {
    error: 'temporarily_unavailable',
    status: 503,
    description: 'The service cannot answer right now. Try again later.',
  },
  internal: { error: 'server_error', status: 500, description: 'Something went wrong on our side.' },
} as const satisfies Record<string, Rejection>;

/** Why a request was refused: a key of the table of refusals. */
export type RejectionReason = keyof typeof REJECTIONS;
