/** Why a guarded fetch brought nothing. */
export type FetchFault =
  /** the URL is none that is ever fetched: scheme, host, port, userinfo or fragment */
  | 'url_refused'
  /** too many fetches are under way, in all or to this host */
  | 'busy'
  /** the name has no address, or none in time */
  | 'name_unresolved'
  /** one of its addresses is not public, or the peer is not at the address that was checked */
  | 'address_refused'
  /** nobody listens, or nobody answered in time */
  | 'connect_failed'
  /** the TLS handshake failed: no trusted certificate for the name, among others */
  | 'tls_failed'
  /** the answer was not complete in time */
  | 'timed_out'
  /** the answer is not HTTP, too long in its headers, or was cut off */
  | 'broken_response'
  /** the body is longer than allowed */
  | 'too_large'
  /** the body has a content coding, although none was accepted */
  | 'encoded'
  /** the body is not UTF-8 */
  | 'not_text';

/** A guarded fetch that brought nothing. Carries no byte of the answer and no address; `code` is the system's or OpenSSL's. */
export class GuardedFetchError extends Error {
  override readonly name = 'GuardedFetchError';
  readonly fault: FetchFault;
  readonly code: string | undefined;

  constructor(fault: FetchFault, code?: unknown) {
    super(fault);
    this.fault = fault;
    this.code = typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined;
  }
}
