/** `error` codes of RFC 6750 §3.1. */
export type BearerErrorCode = 'invalid_request' | 'invalid_token' | 'insufficient_scope';

// The MCP SDK v2 knows its own errors by this mark, so that several copies of it agree; carrying it makes the SDK answer
// 401 and 403 where it would answer 500.
const MCP_ERROR_BRANDS = Symbol.for('mcp.sdk.errorBrands');

const STATUS = { invalid_request: 400, invalid_token: 401, insufficient_scope: 403 } as const;

const DESCRIPTION = {
  invalid_request: 'The request carries more than one credential.',
  invalid_token: 'The access token is not valid.',
  insufficient_scope: 'The access token does not allow this.',
} as const;

/**
 * A request a resource server refuses (RFC 6750 §3). Without `code` the request carried no bearer credentials, and its
 * challenge names no error.
 */
export class BearerError extends Error {
  override readonly name = 'BearerError';
  readonly code: BearerErrorCode | undefined;
  /** The scope that was missing, for `insufficient_scope`. */
  readonly requiredScopes: readonly string[];

  constructor(code: BearerErrorCode | undefined, requiredScopes: readonly string[] = []) {
    super(code === undefined ? 'Authentication is required.' : DESCRIPTION[code]);
    this.code = code;
    this.requiredScopes = requiredScopes;
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
