import type {
  Client,
  ClientMetadata,
  IdentityAssertion,
  RegisteredClient,
  UnverifiedAssertion,
  Workload,
} from '../clients/index.ts';
import type { AuthorizationRequest, EpochSeconds, Resource, Scope, Seconds, SenderConstraint } from '../oauth/index.ts';

/** What the protocol has to know of an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.6). */
export interface AuthorizationCode {
  /** The redirect URI of the authorization request, its port included. */
  readonly redirectUri: string;
  readonly codeChallenge: string;
  readonly scope: Scope;
  readonly resource: string;
  readonly subject: string;
  readonly expiresAt: EpochSeconds;
  /** Whose key the request named (`dpop_jkt`, RFC 9449 §10); absent: anybody may redeem it who meets the rest. */
  readonly sender?: SenderConstraint;
}

/** What the protocol has to know of a refresh token (RFC 6749 §6). */
export interface RefreshToken {
  readonly kind: 'refresh_token';
  readonly clientId: string;
  readonly scope: Scope;
  readonly resource: string;
  readonly subject: string;
  /** The earlier of its idle and absolute end; absent: it does not end. */
  readonly expiresAt?: EpochSeconds;
  /** The key it is bound to (RFC 9449 §5); absent: none. */
  readonly sender?: SenderConstraint;
}

/** What the protocol has to know of an access token. */
export interface AccessToken {
  readonly kind: 'access_token';
  readonly clientId: string;
  readonly scope: Scope;
  readonly resource: string;
  readonly subject: string;
  readonly expiresAt: EpochSeconds;
  /** What introspection tells of it beyond the above (RFC 7662 §2.2), as on the wire. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A token response (RFC 6749 §5.1) as it goes on the wire. */
export interface OAuthToken {
  readonly access_token: string;
  /** `DPoP` when the access token is bound to a key (RFC 9449 §5). */
  readonly token_type: 'Bearer' | 'DPoP';
  /** Absent where a provider does not know (RFC 6749 §5.1 recommends it). */
  readonly expires_in?: Seconds;
  readonly refresh_token?: string;
  readonly scope?: string;
  /** What `access_token` is; token exchange says so (RFC 8693 §2.2.1). */
  readonly issued_token_type?: string;
}

/** What a grant was found to permit: the scope of the new token, and the canonical identifier of its one resource. */
export interface Permitted {
  readonly scope: Scope;
  readonly resource: string;
}

/** What came to the token endpoint with a code (RFC 6749 §4.1.3, RFC 7636 §4.5, RFC 8707 §2.2), unchecked. */
export interface CodeRedemption {
  readonly codeVerifier: string;
  readonly redirectUri?: string;
  readonly resource?: string;
}

/** What came with a refresh token that is to be used (RFC 6749 §6) or given back (RFC 7009 §2.1), unchecked. */
export interface RefreshTokenUse {
  readonly scope?: Scope;
  readonly resource?: string;
}

/**
 * The heart: everything the HTTP endpoints need to know, and nothing of HTTP. Endpoints do the protocol (client
 * authentication, redirect URI, PKCE, scope, resource); a provider makes and recognises tokens, over whatever it likes.
 *
 * `load…` looks and never consumes; `exchange…` consumes atomically: of concurrent exchanges of one code, one wins.
 * The `sender` of an exchange is the key whose possession the client proved (RFC 9449); checks against what a code or token
 * is bound to are done. A provider that ignores it issues Bearer tokens.
 * A method that cannot answer throws `UnavailableError` (503); a method that refuses throws `reject(reason)`.
 */
export interface OAuthAuthorizationServerProvider<
  Code extends AuthorizationCode = AuthorizationCode,
  Refresh extends RefreshToken = RefreshToken,
  Access extends AccessToken = AccessToken,
> {
  /**
   * The client of a client_id; `undefined` when there is none. At the token and revocation endpoints `presented` is the
   * code or token that came with it (empty when none did): a provider that has to ask the network about a client can
   * first see whether somebody of that client's stands behind the request.
   */
  getClient(clientId: string, presented?: string): Promise<Client | undefined>;
  /** Registers a client (RFC 7591) whose metadata was checked. */
  registerClient(metadata: ClientMetadata): Promise<RegisteredClient>;
  /** The URL to send the browser to, for a request that passed every check; sign-in and consent happen there. */
  authorize(client: Client, request: AuthorizationRequest): Promise<string>;
  /**
   * The code, ended ones included; `undefined` when there is none of this client. Never consumes it. `redemption` is for a
   * provider that asks somebody else, who has to be told; others know all of it from the code.
   */
  loadAuthorizationCode(client: Client, code: string, redemption?: CodeRedemption): Promise<Code | undefined>;
  /** Consumes the code and issues tokens. @throws OAuthError `code_spent` for every exchange but the first. */
  exchangeAuthorizationCode(client: Client, code: Code, sender?: SenderConstraint): Promise<OAuthToken>;
  /**
   * The refresh token; `undefined` when there is none of this client. Never consumes it. `use` is for a provider that asks
   * somebody else, as above; absent where the token is only asked about (RFC 7662).
   */
  loadRefreshToken(client: Client, token: string, use?: RefreshTokenUse): Promise<Refresh | undefined>;
  /**
   * Optional: whether the token would still be taken, for introspection; absent: what `loadRefreshToken` finds is live until
   * its end. Changes nothing.
   */
  isRefreshTokenLive?(token: Refresh): Promise<boolean>;
  /** Uses the refresh token; `scope` is what was granted or narrower. */
  exchangeRefreshToken(client: Client, token: Refresh, scope: Scope, sender?: SenderConstraint): Promise<OAuthToken>;
  /** A valid access token of this issuer for any resource, or `undefined`. */
  loadAccessToken(token: string): Promise<Access | undefined>;
  /** Ends a token and its counterpart (RFC 7009 §2.1). Idempotent; durable when it returns. */
  revokeToken(token: Access | Refresh): Promise<void>;
  /**
   * Optional: ends what a token that no `load…` method found began all the same: one that the provider made, and whose record
   * it lost. Anything else changes nothing. Durable when it returns.
   */
  revokeLostToken?(token: string): Promise<void>;
  /**
   * Optional: issues a token to the client itself (RFC 6749 §4.4), for a confidential client that may ask for one. Its
   * presence offers the grant type `client_credentials`. @throws OAuthError `client_revoked`
   */
  exchangeClientCredentials?(client: Client, permitted: Permitted, sender?: SenderConstraint): Promise<OAuthToken>;
  /**
   * Optional, with `exchangeIdentityAssertion`: the verified content of an ID-JAG of an identity provider that is trusted
   * (SEP-990). Never spends it. Their presence offers the grant type and advertises the profile.
   * @throws OAuthError `assertion_…`; UnavailableError when the keys of its issuer cannot be had
   */
  loadIdentityAssertion?(assertion: UnverifiedAssertion): Promise<IdentityAssertion>;
  /**
   * Optional: spends the assertion where it may be used once, and issues an access token, without a refresh token.
   * @throws OAuthError `assertion_spent`, `assertion_revoked`
   */
  exchangeIdentityAssertion?(
    client: Client,
    assertion: IdentityAssertion,
    permitted: Permitted,
    sender?: SenderConstraint,
  ): Promise<OAuthToken>;
  /**
   * Optional, with `exchangeWorkload`: the workload that a token of its platform names (SEP-1933). Never spends it. Their
   * presence offers the grant type. @throws OAuthError `assertion_…`; UnavailableError as above
   */
  loadWorkload?(assertion: UnverifiedAssertion): Promise<Workload>;
  /** Optional: as `exchangeIdentityAssertion`, for a workload. */
  exchangeWorkload?(workload: Workload, permitted: Permitted, sender?: SenderConstraint): Promise<OAuthToken>;
  /**
   * Optional: exchanges a valid access token for one at another resource (RFC 8693), in which the client acts for the same
   * subject, if this client may. It must permit no more than the subject token does, end no later, and end with it when
   * the grant is revoked. `scope` is what was asked for. Its presence offers the grant type.
   * @throws OAuthError `subject_token_of_other_resource`, `subject_token_for_other_actor`, `subject_token_chain_too_long`,
   *   `subject_token_bound`,
   *   `subject_token_expired`, `subject_token_revoked`, `exchange_target_not_allowed`, `scope_not_allowed`
   */
  exchangeToken?(
    client: Client,
    subject: Access,
    wanted: { readonly scope: Scope | undefined; readonly resource: Resource },
    sender?: SenderConstraint,
  ): Promise<OAuthToken>;
  /**
   * Optional: the registration of a client that registered itself, for whoever shows the `registrationAccessToken` it
   * answered (RFC 7592 §2.1); `undefined` for any other token. Its presence, with `deleteClient`, offers both.
   */
  loadRegistration?(clientId: string, registrationAccessToken: string): Promise<RegisteredClient | undefined>;
  /** Optional: ends a registration and everything issued to it (RFC 7592 §2.3). Idempotent; durable when it returns. */
  deleteClient?(client: Client): Promise<void>;
  /**
   * Optional: for a client that may be looked up only once the person has signed in (a client_id that is the URL of a
   * metadata document), where to send the browser first; `undefined` for every other client. `parameters` is the
   * authorization request as form-encoded text, to be taken up again afterwards. Its presence is advertised as
   * `client_id_metadata_document_supported`.
   */
  signInBefore?(clientId: string, parameters: string): Promise<string | undefined>;
  /**
   * Optional: whether every authorization response names the issuer (RFC 9207), as those of the routes do; absent: yes. `false`
   * is for a provider whose answers others send, and takes the promise out of the metadata.
   */
  readonly namesIssuer?: boolean;
}
