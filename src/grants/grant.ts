import type { Client } from '../clients/index.ts';
import type { Form, SenderConstraint } from '../oauth/index.ts';
import type { OAuthToken } from '../provider/index.ts';

/** The key of a request's DPoP proof (RFC 9449 §5), which was checked, and the proof itself, which is yet to be used up. */
export interface ProvedSender extends SenderConstraint {
  /**
   * Counts the proof, so that no other request can come with it; absent: nothing is to be counted.
   * @throws OAuthError `dpop_proof_replayed`; UnavailableError
   */
  spend?(): Promise<void>;
}

/**
 * What to bind the tokens to, the proof being used up. The last thing before an exchange: whoever holds nothing that could
 * be exchanged leaves nothing to be remembered.
 */
export async function useProof(sender: ProvedSender | undefined): Promise<SenderConstraint | undefined> {
  if (sender === undefined) return undefined;
  await sender.spend?.();
  return { jkt: sender.jkt };
}

/** One grant type of the token endpoint (RFC 6749 §4), for a client that is authenticated and may use it. */
export interface Grant {
  /** The `grant_type` value. */
  readonly grantType: string;
  /**
   * Checks the request and exchanges the grant. `sender` is `undefined` when the request came without a proof; otherwise
   * its proof is used up (`useProof`) after every check and before the exchange.
   * @throws OAuthError, UnavailableError
   */
  redeem(form: Form, client: Client, sender?: ProvedSender): Promise<OAuthToken>;
  /** The same for a request that names no client at all (RFC 7521 §4.1); absent: a client must authenticate. */
  redeemWithoutClient?(form: Form, sender?: ProvedSender): Promise<OAuthToken>;
}
