/**
 * What the MCP authorization specification and the texts it binds us to ask for, by id. A test that proves a row carries
 * its id in brackets at the end of its name. `AS` rows bind the authorization server, `RS` rows the library for MCP
 * servers, `CI` rows the metadata documents of clients, `DP` rows proof of possession.
 */
export type Requirement =
  /** At least one test name carries the id. */
  | { readonly source: string; readonly status: 'implemented'; readonly behaviour: string }
  /** It should hold, and no test name carries the id yet. */
  | { readonly source: string; readonly status: 'unproven'; readonly behaviour: string }
  | { readonly source: string; readonly status: 'deferred'; readonly behaviour: string; readonly reason: string }
  /** It binds somebody else: the MCP server, its transport, the operator. */
  | { readonly source: string; readonly status: 'elsewhere'; readonly reason: string };

/**
 * Ids of larger catalogues, by pattern: black-box requests against an authorization server, malicious tokens, fault
 * experiments and the invariants they must not break.
 */
export const CATALOGUES: readonly RegExp[] = [
  /^AS-(?:AZ|CA|CD|CM|FD|HT|MD|PK|RF|RG|RS|RU|RV|TK|UI)-\d{2,3}$/,
  /^JWT-(?:ALG|ASSERT|CLAIM|CRIT|HDR|JWE|JWKS|ONCE|SER|SIG|TYP|UPSTREAM)-\d{2,3}$/,
  /^F\d{2}$/,
  /^I\d{1,2}$/,
];

export const REQUIREMENTS: Readonly<Record<string, Requirement>> = {
  'AS-01': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour:
      'Serves public and confidential clients by the code flow; other response types and the password grant are refused.',
  },
  'AS-02': {
    source: 'MCP 2026-07-28 security-considerations',
    status: 'elsewhere',
    reason: 'It asks for OAuth 2.1 §7 as a whole; what that asks for has the rows below.',
  },
  'AS-03': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'Every endpoint is https, except on the machine itself.',
  },
  'AS-04': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour:
      'A client registers https redirect URIs, or http on its own machine. Private-use schemes of apps are admitted beyond the text, as OAuth 2.1 §8.4.3 has it.',
  },
  'AS-05': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'Refresh tokens are never stored, and no token reaches a log.',
  },
  'AS-06': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'Authorization errors answer 400, 401 and 403 as OAuth has them.',
  },
  'AS-07': {
    source: 'MCP 2026-07-28',
    status: 'elsewhere',
    reason: 'Which transport an MCP server uses is its own business.',
  },
  'AS-10': { source: 'MCP 2026-07-28', status: 'implemented', behaviour: 'Publishes RFC 8414 metadata.' },
  'AS-11': {
    source: 'MCP 2026-07-28 authorization-server-discovery',
    status: 'implemented',
    behaviour: 'The metadata is served where a client looks first, for issuers with and without a path.',
  },
  'AS-12': {
    source: 'SEP-2351',
    status: 'implemented',
    behaviour: 'The metadata is at the default well-known suffix.',
  },
  'AS-13': {
    source: 'RFC 8414 §3.3',
    status: 'implemented',
    behaviour: '`issuer` in the metadata is the configured text, byte for byte, whatever the Host header says.',
  },
  'AS-14': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'The metadata names S256, and only S256, as code challenge method.',
  },
  'AS-15': {
    source: 'SEP-2468; RFC 9207 §3',
    status: 'implemented',
    behaviour: 'The metadata says that authorization responses carry `iss`.',
  },
  'AS-16': {
    source: 'MCP 2026-07-28 client-registration',
    status: 'implemented',
    behaviour: 'Client ID Metadata Documents are advertised exactly when they work.',
  },
  'AS-17': {
    source: 'RFC 8414 §2',
    status: 'implemented',
    behaviour: 'The metadata names every endpoint that is offered, and none that is not.',
  },
  'AS-18': {
    source: 'MCP 2025-03-26 authorization',
    status: 'implemented',
    behaviour: 'For clients of 2025-03-26, the endpoints are `/authorize`, `/token` and `/register`.',
  },
  'AS-20': {
    source: 'OAuth 2.1 §4.1.1',
    status: 'implemented',
    behaviour: 'A request without a code challenge is refused, for confidential clients too.',
  },
  'AS-21': {
    source: 'OAuth 2.1 §4.1.2.1',
    status: 'implemented',
    behaviour: '`plain`, or a challenge without a method, is refused with `invalid_request`.',
  },
  'AS-22': {
    source: 'MCP 2026-07-28 security-considerations; RFC 9700 §2.1',
    status: 'implemented',
    behaviour: 'A redirect URI is compared exactly; on a mismatch nobody is redirected.',
  },
  'AS-23': {
    source: 'RFC 8252 §7.3',
    status: 'implemented',
    behaviour: 'A loopback redirect URI matches with any port, and with nothing else changed.',
  },
  'AS-24': {
    source: 'OAuth 2.1 §7.12.2',
    status: 'implemented',
    behaviour:
      'A browser is sent nowhere before its person has signed in, except to a client that is known, with a redirect URI it registered.',
  },
  'AS-25': {
    source: 'MCP 2026-07-28 security-considerations',
    status: 'implemented',
    behaviour: 'The person sees where the answer goes and decides before anything is sent there.',
  },
  'AS-26': {
    source: 'RFC 9207 §2',
    status: 'implemented',
    behaviour: 'Every authorization response carries `iss`, errors too.',
  },
  'AS-27': {
    source: 'SEP-2468',
    status: 'implemented',
    behaviour: '`iss` equals the issuer of the metadata byte for byte.',
  },
  'AS-28': {
    source: 'OAuth 2.1 §4.1.2',
    status: 'implemented',
    behaviour: '`state` comes back unchanged, and no parameter of an answer repeats.',
  },
  'AS-29': {
    source: 'OAuth 2.1 §4.1.2',
    status: 'implemented',
    behaviour: 'A code ends after a minute, belongs to one client, challenge and redirect URI, and hides what it says.',
  },
  'AS-30': { source: 'OAuth 2.1 §7.5.4', status: 'implemented', behaviour: 'A form is answered with 303, never 307.' },
  'AS-31': { source: 'OAuth 2.1 §7.10', status: 'implemented', behaviour: 'No page can be framed.' },
  'AS-32': {
    source: 'RFC 8707 §2',
    status: 'implemented',
    behaviour:
      'The `resource` of a request is bound into the grant and the `aud` of its tokens; unknown or malformed ones answer `invalid_target`.',
  },
  'AS-33': {
    source: 'RFC 8707 §2',
    status: 'implemented',
    behaviour: 'Scheme and host of a resource may be written in upper case.',
  },
  'AS-35': {
    source: 'MCP 2026-07-28 security-considerations',
    status: 'implemented',
    behaviour: 'The consent page names the host the answer goes to.',
  },
  'AS-36': {
    source: 'MCP 2026-07-28 security-considerations',
    status: 'implemented',
    behaviour: 'The consent page warns when the answer goes to this computer only.',
  },
  'AS-37': {
    source: 'MCP 2026-07-28',
    status: 'deferred',
    behaviour: 'An attestation of the client may be asked for.',
    reason: 'Optional, and no client sends one.',
  },
  'AS-38': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'The host of a metadata document is what people are shown; logos are not loaded from afar.',
  },
  'AS-39': {
    source: 'MCP 2026-07-28 security-considerations',
    status: 'implemented',
    behaviour:
      'Nobody is forwarded to an upstream provider for an app that nobody vouches for before they saw who asks; consent follows.',
  },
  'AS-40': {
    source: 'OAuth 2.1 (after -15), Consent Phishing',
    status: 'implemented',
    behaviour: 'The consent page names the client as unverified, the resource and each scope.',
  },
  'AS-45': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'A client may be named by the URL of its metadata document.',
  },
  'AS-46': {
    source: 'RFC 7591',
    status: 'implemented',
    behaviour: 'Clients register themselves where the operator leaves that on.',
  },
  'AS-47': { source: 'MCP 2026-07-28', status: 'implemented', behaviour: 'Clients can be configured by the operator.' },
  'AS-48': {
    source: 'RFC 7591 §3.2',
    status: 'implemented',
    behaviour: 'A registration answers 201 with what was registered, and refusals carry the codes of RFC 7591.',
  },
  'AS-49': {
    source: 'SEP-837',
    status: 'implemented',
    behaviour: '`application_type` is accepted, and a loopback redirect URI does not need it.',
  },
  'AS-50': { source: 'SEP-2352', status: 'implemented', behaviour: 'A client_id of another issuer is not known here.' },
  'AS-51': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'A client_id we make does not begin with `https://`.',
  },
  'AS-60': {
    source: 'OAuth 2.1 §4.1.3',
    status: 'implemented',
    behaviour: 'A code buys tokens once; a second valid use ends what the first one got, an invalid one does no harm.',
  },
  'AS-61': {
    source: 'RFC 7636 §4.6',
    status: 'implemented',
    behaviour: 'The code verifier must match, and a wrong one does not spend the code.',
  },
  'AS-62': {
    source: 'OAuth 2.1 §10.2',
    status: 'implemented',
    behaviour: '`redirect_uri` may be left out at the token endpoint, and must be the requested one when it is there.',
  },
  'AS-63': {
    source: 'OAuth 2.1 §4.3.1; RFC 9700 §4.14.2',
    status: 'implemented',
    behaviour: 'Refresh tokens of public clients rotate, and reuse ends the grant.',
  },
  'AS-64': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'An access token lives five to fifteen minutes.',
  },
  'AS-65': {
    source: 'SEP-2207',
    status: 'implemented',
    behaviour: 'A client that did not register for refresh tokens gets none.',
  },
  'AS-66': {
    source: 'SEP-2207',
    status: 'implemented',
    behaviour: '`offline_access` is among the scopes of the metadata, and no resource needs it.',
  },
  'AS-67': {
    source: 'OAuth 2.1 §4.3',
    status: 'implemented',
    behaviour: 'A refresh token belongs to its client, never widens the scope, and ends unused.',
  },
  'AS-68': {
    source: 'RFC 8707 §2.2',
    status: 'implemented',
    behaviour: 'A `resource` at the token endpoint must be the granted one.',
  },
  'AS-69': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour:
      'A request without a resource gets the default one, where there is one; a trailing slash after an origin means nothing.',
  },
  'AS-70': {
    source: 'RFC 6749 §5.1',
    status: 'implemented',
    behaviour: 'The answer names the scope that was granted.',
  },
  'AS-71': {
    source: 'MCP security best practices',
    status: 'implemented',
    behaviour: 'A scope that names broader and narrower names together is no error.',
  },
  'AS-72': {
    source: 'OAuth 2.1 §3.2.3',
    status: 'implemented',
    behaviour: 'Token answers are JSON and are not stored by any cache.',
  },
  'AS-73': {
    source: 'OAuth 2.1 §2.4.1',
    status: 'implemented',
    behaviour: 'A secret may come in the body or in the header, not in both.',
  },
  'AS-74': {
    source: 'MCP 2025-03-26 authorization',
    status: 'implemented',
    behaviour: 'Machines get tokens with their own credentials. Expiry and rotation are AS-63 and AS-64.',
  },
  'AS-75': {
    source: 'MCP 2025-06-18 Token Handling',
    status: 'implemented',
    behaviour: 'Our own endpoints do not act on tokens for an MCP server, except to revoke them.',
  },
  'CC-01': {
    source: 'MCP extension oauth-client-credentials',
    status: 'implemented',
    behaviour: 'Only clients of the configuration have tokens of their own; nobody registers for them.',
  },
  'CC-02': {
    source: 'RFC 6749 §4.4; RFC 9068 §2.2',
    status: 'implemented',
    behaviour: 'The token of a machine has the client as its subject.',
  },
  'CC-03': {
    source: 'MCP extension oauth-client-credentials',
    status: 'implemented',
    behaviour:
      'The grant type and the methods of authentication are advertised; a secret is read from header and body.',
  },
  'CC-04': {
    source: 'RFC 6749 §4.4.3',
    status: 'implemented',
    behaviour: 'A machine gets no refresh token.',
  },
  'CC-05': {
    source: 'RFC 6749 §5.2; RFC 8707 §2',
    status: 'implemented',
    behaviour: 'A public client, wrong credentials and an unknown resource are refused, each with its own code.',
  },
  'CI-01': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'The metadata of a client named by a URL is fetched from there.',
  },
  'CI-02': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour:
      'A client_id that is a URL is https, with a path, without dot segments, fragment and user information; anything else causes no fetch.',
  },
  'CI-03': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'The `client_id` of the document equals its URL, compared as text.',
  },
  'CI-04': {
    source: 'MCP 2026-07-28 client-registration',
    status: 'implemented',
    behaviour: 'The document is JSON and has `client_id`, `client_name` and `redirect_uris`.',
  },
  'CI-05': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'The redirect URI of a request is one of the document.',
  },
  'CI-06': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'Only an answer with status 200 counts.',
  },
  'CI-07': { source: 'Client ID Metadata Document -02', status: 'implemented', behaviour: 'No redirect is followed.' },
  'CI-08': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour:
      'No address that is not public is reached, for the document and for every URL in it; loopback only where the server itself is on loopback.',
  },
  'CI-09': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'No more than about 5 kB is read, whatever the answer says of its length.',
  },
  'CI-10': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'A document is kept as long as HTTP says, between bounds of ours.',
  },
  'CI-11': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'Neither errors nor unacceptable documents are kept.',
  },
  'CI-12': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'A document with a shared secret, a method that needs one, or private key material is refused.',
  },
  'CI-13': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'A client that declares private_key_jwt must authenticate with it.',
  },
  'CI-14': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'When the document cannot be had, the person sees a page and is sent nowhere.',
  },
  'CI-15': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'A change of what people were shown is shown again.',
  },
  'CI-16': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'The operator decides which hosts are trusted.',
  },
  'CI-17': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'Redirect URIs may be of another origin than the document, because those of native apps are.',
  },
  'CI-18': {
    source: 'Client ID Metadata Document -02',
    status: 'implemented',
    behaviour: 'URLs of unknown schemes in a document are ignored.',
  },
  'CI-19': {
    source: 'SEP-991',
    status: 'implemented',
    behaviour: 'Nothing is fetched before the person has signed in.',
  },
  'EMA-01': {
    source: 'ID-JAG §4.4; RFC 7523 §2.1',
    status: 'implemented',
    behaviour: 'An ID-JAG of a trusted identity provider buys an access token with the JWT bearer grant.',
  },
  'EMA-02': {
    source: 'MCP enterprise-managed authorization §5; ID-JAG §8.1',
    status: 'implemented',
    behaviour:
      'The client authenticates as it is registered here, or as its metadata document says; public clients only where the operator allows it.',
  },
  'EMA-03': {
    source: 'ID-JAG §4.4.1',
    status: 'implemented',
    behaviour: '`typ` must be `oauth-id-jag+jwt`.',
  },
  'EMA-04': {
    source: 'ID-JAG §4.4.1',
    status: 'implemented',
    behaviour: 'Our issuer identifier is the only audience, as a text or alone in a list.',
  },
  'EMA-05': {
    source: 'ID-JAG §4.4.1',
    status: 'implemented',
    behaviour: '`client_id` in the assertion is the client that authenticated.',
  },
  'EMA-06': {
    source: 'ID-JAG §3.1',
    status: 'implemented',
    behaviour:
      '`iss`, `sub`, `aud`, `client_id`, `jti`, `exp` and `iat` are required; optional claims are read with their types and not copied.',
  },
  'EMA-07': {
    source: 'MCP enterprise-managed authorization §4.3; ID-JAG §3.1',
    status: 'implemented',
    behaviour: '`resource` may be left out; where it is there, a text or a list, nothing else can be had.',
  },
  'EMA-08': {
    source: 'MCP enterprise-managed authorization §5.1',
    status: 'implemented',
    behaviour: 'The access token is for that resource only.',
  },
  'EMA-09': {
    source: 'ID-JAG §4.4.1',
    status: 'implemented',
    behaviour: 'The scope is what assertion, request, client and resource have in common, and is told.',
  },
  'EMA-10': {
    source: 'ID-JAG §3.1; RFC 9396',
    status: 'implemented',
    behaviour: '`authorization_details` cannot be honoured and are refused.',
  },
  'EMA-11': {
    source: 'ID-JAG §8, proof of possession',
    status: 'implemented',
    behaviour: 'An assertion that is bound to a key needs the proof of that key.',
  },
  'EMA-12': {
    source: 'ID-JAG §4.4.3',
    status: 'implemented',
    behaviour: 'No refresh token is issued.',
  },
  'EMA-13': {
    source: 'ID-JAG §7.2, §8.4',
    status: 'implemented',
    behaviour: 'The metadata names the profile and the grant type, and no issuer that is trusted.',
  },
  'EMA-14': {
    source: 'ID-JAG §6',
    status: 'implemented',
    behaviour:
      'Trust is configured by issuer: keys, tenant, clients, resources, scope, and how its subjects become ours.',
  },
  'EMA-15': {
    source: 'ID-JAG §8.3',
    status: 'implemented',
    behaviour: 'This server is never an identity provider to itself.',
  },
  'EMA-16': {
    source: 'ID-JAG §4.4.1; conformance #470',
    status: 'implemented',
    behaviour:
      'Refusals carry `invalid_grant`, `invalid_client`, `unauthorized_client`, `invalid_scope` or `invalid_target`.',
  },
  'EMA-17': {
    source: 'ext-auth PR #12',
    status: 'implemented',
    behaviour:
      'An assertion is used once, unless the operator says otherwise for its issuer; a refused one is not used up.',
  },
  'EMA-18': {
    source: 'ext-auth PR #12; RFC 8725 §3.1',
    status: 'implemented',
    behaviour: 'Only asymmetric algorithms and published keys count, and no key the assertion brings.',
  },
  'WIF-01': {
    source: 'SEP-1933',
    status: 'implemented',
    behaviour: 'A token of a workload platform buys an access token without any client.',
  },
  'WIF-02': {
    source: 'SEP-1933; SPIFFE JWT-SVID §3',
    status: 'implemented',
    behaviour: '`iss`, `sub`, `aud` and `exp` are required. `iat` and `jti` are not: a JWT-SVID may have neither.',
  },
  'WIF-03': {
    source: 'SEP-1933; RFC 7523 §3',
    status: 'implemented',
    behaviour:
      'The only audience is the issuer, with or without a slash, the token endpoint, or one the operator named.',
  },
  'WIF-04': {
    source: 'SEP-1933',
    status: 'implemented',
    behaviour:
      'Issuers and the claims of their workloads are configured apart from each other; the first rule that fits decides.',
  },
  'WIF-05': {
    source: 'SEP-1933',
    status: 'implemented',
    behaviour: 'Which resources and scope a workload may have is configured.',
  },
  'WIF-06': {
    source: 'SEP-1933; RFC 6749 §5.2',
    status: 'implemented',
    behaviour: 'Refusals carry `invalid_grant`, `invalid_scope` or `invalid_target`.',
  },
  'WIF-07': {
    source: 'SEP-1933',
    status: 'implemented',
    behaviour:
      'A token may be used until it expires, as those of Kubernetes are, unless the operator says once; keys are kept.',
  },
  'WIF-08': {
    source: 'SEP-1933',
    status: 'implemented',
    behaviour: 'The grant type is advertised, and no issuer that is trusted.',
  },
  'SEP-3149': {
    source: 'SEP-3149',
    status: 'implemented',
    behaviour: 'Of several authentication methods a document names, each that we have counts.',
  },
  'TX-01': {
    source: 'RFC 8693 §2.2.1',
    status: 'implemented',
    behaviour: 'An access token is exchanged for one at another resource, and the answer says what was issued.',
  },
  'TX-02': {
    source: 'RFC 8693 §4.1',
    status: 'implemented',
    behaviour: 'Every exchange is a delegation: `act` names the client, and inside it who acted before.',
  },
  'TX-03': {
    source: 'RFC 8693 §2.2.1',
    status: 'implemented',
    behaviour: 'An exchanged token ends no later than the one it is made from, and has no refresh token.',
  },
  'TX-04': {
    source: 'RFC 8693 §2.1',
    status: 'implemented',
    behaviour: 'Subject token, its type and one target are required; `audience` is another word for the target.',
  },
  'TX-05': {
    source: 'RFC 8693 §5',
    status: 'implemented',
    behaviour: 'The scope is never wider than what the subject token permits, or stands for by configuration.',
  },
  'TX-06': {
    source: 'RFC 8693 §2.2.2',
    status: 'implemented',
    behaviour: 'Only a client of the configuration exchanges, from its own resource to those it is configured for.',
  },
  'TX-07': { source: 'RFC 8693 §4.4', status: 'implemented', behaviour: '`may_act` is honoured.' },
  'TX-08': {
    source: 'RFC 7009 §2.1',
    status: 'implemented',
    behaviour:
      'Revoking the grant ends what was exchanged from it; giving up an exchanged token does not end the grant.',
  },
  'RS-01': { source: 'RFC 9728', status: 'implemented', behaviour: 'Serves protected resource metadata (RFC 9728).' },
  'RS-02': { source: 'RFC 9728 §2', status: 'implemented', behaviour: 'The metadata names the authorization servers.' },
  'RS-03': {
    source: 'RFC 9728 §3.1, §5.1',
    status: 'implemented',
    behaviour: 'The metadata is found by the challenge, the path form and the root form.',
  },
  'RS-04': {
    source: 'RFC 9728 §3.3',
    status: 'implemented',
    behaviour: '`resource` in the metadata is the configured identifier, whatever the Host header says.',
  },
  'RS-05': {
    source: 'RFC 6750 §3; SEP-835',
    status: 'implemented',
    behaviour: 'A challenge names the scope that is needed.',
  },
  'RS-06': {
    source: 'MCP 2026-07-28',
    status: 'elsewhere',
    reason: 'Which scopes a challenge names beyond those needed is the choice of the MCP server.',
  },
  'RS-07': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'The scopes of the metadata are the ones given to the library, not a catalogue.',
  },
  'RS-08': {
    source: 'SEP-2207',
    status: 'implemented',
    behaviour: '`offline_access` is neither challenged for nor published by a resource.',
  },
  'RS-10': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'A request that needs a token and has none answers 401 before anything else is read.',
  },
  'RS-11': {
    source: 'OAuth 2.1 §5.2; RFC 9068 §4',
    status: 'implemented',
    behaviour: 'Malformed, unsigned, foreign, expired, early, mistyped and revoked tokens are refused.',
  },
  'RS-12': { source: 'RFC 8707 §2', status: 'implemented', behaviour: 'A token for another resource is refused.' },
  'RS-13': { source: 'RFC 9068 §4', status: 'implemented', behaviour: 'A token without an audience is refused.' },
  'RS-14': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'Only tokens for this resource are accepted.',
  },
  'RS-15': {
    source: 'OAuth 2.1 §5.3',
    status: 'implemented',
    behaviour: 'An invalid or expired token answers 401 with a challenge.',
  },
  'RS-16': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: '401 is for tokens, 403 for scope, 400 for malformed requests.',
  },
  'RS-17': { source: 'OAuth 2.1 §5.1', status: 'implemented', behaviour: 'A token in the query is ignored.' },
  'RS-18': { source: 'OAuth 2.1 §5.1.1', status: 'implemented', behaviour: 'The scheme `Bearer` is read in any case.' },
  'RS-19': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour:
      'Every request is verified, whatever its connection did before, and the end of a token reaches what stays open longer.',
  },
  'RS-20': {
    source: 'MCP 2026-07-28',
    status: 'elsewhere',
    reason:
      'What an MCP server sends upstream is its own business; the library gives it no token to pass on but the one it holds.',
  },
  'RS-21': { source: 'MCP 2026-07-28', status: 'implemented', behaviour: 'A refusal carries nothing but the refusal.' },
  'RS-22': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'No token, code, verifier, secret or cookie is written to a log.',
  },
  'RS-30': {
    source: 'RFC 6750 §3.1; SEP-835',
    status: 'implemented',
    behaviour: 'Too little scope answers 403 `insufficient_scope` with the scope and the metadata.',
  },
  'RS-31': {
    source: 'SEP-2350',
    status: 'implemented',
    behaviour: 'The challenge names the scope of this operation, whatever the token has.',
  },
  'RS-32': {
    source: 'SEP-2350',
    status: 'implemented',
    behaviour: 'All scopes of an operation stand in one challenge.',
  },
  'RS-33': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'The same operation gets the same challenge.',
  },
  'RS-34': {
    source: 'MCP 2026-07-28 Step-Up',
    status: 'implemented',
    behaviour: 'A broader scope counts for the narrower ones it implies.',
  },
  'RS-35': {
    source: 'MCP 2026-07-28',
    status: 'elsewhere',
    reason: 'What a scope permits beyond its name is decided by the MCP server.',
  },
  'RS-40': {
    source: 'MCP 2026-07-28 streamable-http',
    status: 'implemented',
    behaviour: 'A request of a web page that may not call answers 403, before its token is looked at.',
  },
  'RS-41': {
    source: 'MCP 2026-07-28',
    status: 'elsewhere',
    reason: 'What an MCP server binds to is its own business; ours listens on 127.0.0.1 by default.',
  },
  'RS-42': {
    source: 'MCP security best practices',
    status: 'implemented',
    behaviour:
      'A session id opens nothing without a token of the principal who began the session: 404, or 401 without a token.',
  },
  'RS-43': {
    source: 'SEP-2567',
    status: 'implemented',
    behaviour:
      'A stateless server of the MCP SDK v2 behind the library answers 405 to GET and DELETE, and neither makes nor believes session ids.',
  },
  'RS-44': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'Two requests on one connection may carry two identities.',
  },
  'RS-45': {
    source: 'SEP-2567',
    status: 'implemented',
    behaviour: 'A state handle is bound to the principal it was issued to, and nothing to others.',
  },
  'RS-46': {
    source: 'SEP-2322',
    status: 'implemented',
    behaviour: '`requestState` is signed for its principal, its request and a time, and refused otherwise.',
  },
  'RS-47': {
    source: 'SEP-2549',
    status: 'implemented',
    behaviour:
      'A list that leaves out what a token may not use is marked private, by the MCP SDK v2 and by the example; nothing here shares results.',
  },
  'RS-48': {
    source: 'SEP-2243',
    status: 'implemented',
    behaviour:
      'Scope is decided on the JSON-RPC message, never on headers that repeat it; behind the transport of the MCP SDK v2 a disagreement answers 400.',
  },
  'RS-49': { source: 'SEP-1036', status: 'elsewhere', reason: 'Elicitation belongs to the MCP server.' },
  'RS-50': {
    source: 'MCP 2026-07-28',
    status: 'implemented',
    behaviour: 'Refusals use no error code of the range MCP keeps for itself.',
  },
  'DP-01': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'The metadata lists asymmetric proof algorithms, and each of them works.',
  },
  'DP-02': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A token issued for a proof is bound (`cnf.jkt`) and of type DPoP.',
  },
  'DP-03': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A client of `dpop_bound_access_tokens` gets no token without a valid proof.',
  },
  'DP-04': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour:
      'Where nonces are required, the answer brings one (`use_dpop_nonce`, 400) and the next proof carries it.',
  },
  'DP-05': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'Refresh tokens of public clients are bound to the key.',
  },
  'DP-06': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A proof without `jti`, `htm`, `htu`, `iat`, `jwk` or, with a token, `ath` is refused.',
  },
  'DP-07': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A proof of another `typ` is refused.',
  },
  'DP-08': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A proof for another method or URL is refused.',
  },
  'DP-09': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A proof that carries a private key is refused.',
  },
  'DP-10': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A proof for another access token (`ath`) is refused.',
  },
  'DP-11': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A bound token is refused as a Bearer token.',
  },
  'DP-12': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'Two proofs in one request are refused.',
  },
  'DP-13': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A proof that is no JWT is refused.',
  },
  'DP-14': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A proof whose signature does not hold is refused.',
  },
  'DP-15': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A proof signed symmetrically or not at all is refused.',
  },
  'DP-16': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A proof of another key than the token is bound to is refused.',
  },
  'DP-17': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A proof counts for 5 minutes before and after its `iat`, and no longer.',
  },
  'DP-18': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A bound token for another resource is refused.',
  },
  'DP-19': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A resource may ask for nonces (`use_dpop_nonce`, 401).',
  },
  'DP-20': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'The resource metadata says which algorithms proofs may use, and whether they are required.',
  },
  'DP-21': {
    source: 'SEP-1932, RFC 9449',
    status: 'implemented',
    behaviour: 'A proof that is refused is answered with 401 and `WWW-Authenticate: DPoP error="invalid_dpop_proof"`.',
  },
  'JWT-TYP-18': {
    source: 'RFC 8725 §3.12',
    status: 'elsewhere',
    reason: 'There are no ID tokens and no id_token_hint here: nothing takes one.',
  },
  'JWT-ONCE-08': {
    source: 'RFC 6749 §4.1.2',
    status: 'elsewhere',
    reason: 'It is about authorization codes that are signed: ours are sealed (JWE), and an AEAD tag has no twin.',
  },
  'JWT-ONCE-09': {
    source: 'RFC 6749 §4.1.2',
    status: 'elsewhere',
    reason: 'It is about authorization codes that are signed: of sealed ones JWT-ONCE-01 and JWT-ONCE-02 are the same.',
  },
  'JWT-ONCE-20': {
    source: 'RFC 7591 appendix A.5.2',
    status: 'elsewhere',
    reason: 'It is about client ids with an ECDSA signature: ours carry a MAC, which has no twin.',
  },
};
