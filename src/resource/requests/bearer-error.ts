/** `error` codes of RFC 6750 §3.1 and RFC 9449 §7.1, §9. */
export type BearerErrorCode =
  | 'invalid_request'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce';

/** How an access token is presented: by itself, or with the proof of a key (RFC 9449 §7.1). */
export type AuthenticationScheme = 'Bearer' | 'DPoP';

// The MCP SDK v2 knows its own errors by this mark, so that several copies of it agree; carrying it makes the SDK answer
// 401 and 403 where it would answer 500.
const MCP_ERROR_BRANDS = Symbol.for('mcp.sdk.errorBrands');

const STATUS = {
  invalid_request: 400,
  invalid_token: 401,
  insufficient_scope: 403,
  invalid_dpop_proof: 401,
  use_dpop_nonce: 401,
} as const;

const DESCRIPTION = {
  invalid_request: 'The request carries more than one credential.',
  invalid_token: 'The access token is not valid.',
  insufficient_scope: 'The access token does not allow this.',
  invalid_dpop_proof: 'The DPoP proof is not valid.',
  use_dpop_nonce: 'The DPoP proof must carry the nonce of this server.',
} as const;

/** What a refusal tells beyond its code. */
export interface BearerErrorDetail {
  /** The scope that was missing, for `insufficient_scope`. */
  readonly requiredScopes?: readonly string[];
  /** The scheme the request was sent with, which its challenge names. */
  readonly scheme?: AuthenticationScheme;
  /** The nonce the next proof must carry. */
  readonly nonce?: string | undefined;
}

/**
 * A request a resource server refuses (RFC 6750 §3, RFC 9449 §7.1). Without `code` the request carried no credentials that
 * are known here, and its challenge names no error.
 */
export class BearerError extends Error {
  override readonly name = 'BearerError';
  readonly code: BearerErrorCode | undefined;
  /** The scope that was missing, for `insufficient_scope`. */
  readonly requiredScopes: readonly string[];
  readonly scheme: AuthenticationScheme;
  readonly nonce: string | undefined;

  constructor(code: BearerErrorCode | undefined, detail: BearerErrorDetail = {}) {
    super(code === undefined ? 'Authentication is required.' : DESCRIPTION[code]);
    this.code = code;
    this.requiredScopes = detail.requiredScopes ?? [];
    this.scheme = detail.scheme ?? 'Bearer';
    this.nonce = detail.nonce;
    Object.defineProperty(this, MCP_ERROR_BRANDS, { value: new Set(['mcp.OAuthError']) });
  }

  /** The HTTP status of the answer. */
  get status(): 400 | 401 | 403 {
    return this.code === undefined ? 401 : STATUS[this.code];
  }

  /** The body of the answer: OAuth error members (RFC 6749 §5.2). Says nothing about the token. */
  toResponseObject(): { error?: BearerErrorCode; error_description: string } {
    return { ...(this.code !== undefined && { error: this.code }), error_description: this.message };
  }
}
