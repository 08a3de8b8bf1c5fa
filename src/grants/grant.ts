import type { Client } from '../clients/index.ts';
import type { Form, SenderConstraint } from '../oauth/index.ts';
import type { OAuthToken } from '../provider/index.ts';

/** One grant type of the token endpoint (RFC 6749 §4), for a client that is authenticated and may use it. */
export interface Grant {
  /** The `grant_type` value. */
  readonly grantType: string;
  /**
   * Checks the request and exchanges the grant. `sender` is the key of the request's DPoP proof (RFC 9449 §5), which was
   * checked; `undefined` when there was none.
   * @throws OAuthError, UnavailableError
   */
  redeem(form: Form, client: Client, sender?: SenderConstraint): Promise<OAuthToken>;
  /** The same for a request that names no client at all (RFC 7521 §4.1); absent: a client must authenticate. */
  redeemWithoutClient?(form: Form, sender?: SenderConstraint): Promise<OAuthToken>;
}
