import { REJECTIONS, type RejectionReason } from './rejections.ts';

/** What is known about a refusal beyond its reason: for logs and audit, never for the wire. */
export type RefusalDetail = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * A request that is refused, by one row of the table of refusals (docs/errors.md).
 * `reason` is ours: logged, counted, tested. The wire sees `error`, `description` and `status` only.
 */
export class OAuthError extends Error {
  override readonly name = 'OAuthError';
  readonly reason: RejectionReason;
  readonly detail: RefusalDetail;

  constructor(reason: RejectionReason, detail: RefusalDetail = {}) {
    super(reason);
    this.reason = reason;
    this.detail = detail;
  }

  /** The `error` code (RFC 6749 §4.1.2.1 and §5.2, RFC 7591 §3.2.2, RFC 8707 §2). */
  get error(): string {
    return REJECTIONS[this.reason].error;
  }

  /** The constant `error_description`; carries no data of the request. */
  get description(): string {
    return REJECTIONS[this.reason].description;
  }

  /** The HTTP status of a direct answer. */
  get status(): number {
    return REJECTIONS[this.reason].status;
  }
}

/** The refusal for `reason`, to be thrown: `throw reject('code_spent')`. */
export function reject(reason: RejectionReason, detail: RefusalDetail = {}): OAuthError {
  return new OAuthError(reason, detail);
}

/**
 * A dependency that cannot answer now (store, signer, upstream). Answered with 503
 * `temporarily_unavailable` and `Retry-After`; it never blames the client.
 */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
  readonly dependency: string;
  /** Seconds until trying again makes sense. */
  readonly retryAfter: number;

  constructor(dependency: string, options: { cause?: unknown; retryAfter?: number } = {}) {
    super(`${dependency} is unavailable`, { cause: options.cause });
    this.dependency = dependency;
    this.retryAfter = options.retryAfter ?? 5;
  }
}
