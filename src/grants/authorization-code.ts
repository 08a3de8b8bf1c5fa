import type { Client } from '../clients/index.ts';
import { type Form, isCodeVerifier, isSameResource, meetsConstraint, reject } from '../oauth/index.ts';
import { type Clock, isEqualSecret, sha256 } from '../platform/index.ts';
import type { AuthorizationCode, OAuthAuthorizationServerProvider } from '../provider/index.ts';
import { type Grant, useProof } from './grant.ts';

/**
 * The authorization_code grant (RFC 6749 §4.1.3, RFC 7636 §4.5, OAuth 2.1 §4.1.3). Everything is checked before the code
 * is consumed, so that somebody who holds a code without its verifier can neither use nor burn it.
 */
export function createAuthorizationCodeGrant<Code extends AuthorizationCode>(deps: {
  provider: Pick<OAuthAuthorizationServerProvider<Code>, 'loadAuthorizationCode' | 'exchangeAuthorizationCode'>;
  clock: Clock;
}): Grant {
  const { provider, clock } = deps;
  return {
    grantType: 'authorization_code',

    async redeem(form, client: Client, sender) {
      const presented = form.get('code');
      if (presented === undefined) throw reject('parameter_missing', { parameter: 'code' });
      const verifier = form.get('code_verifier');
      if (verifier === undefined) throw reject('code_verifier_missing');

      const redirectUri = form.get('redirect_uri');
      const [resource] = form.getAll('resource');
      const code = await provider.loadAuthorizationCode(client, presented, {
        codeVerifier: verifier,
        ...(redirectUri !== undefined && { redirectUri }),
        ...(resource !== undefined && { resource }),
      });
      if (code === undefined) throw reject('code_unknown');
      if (code.expiresAt <= clock()) throw reject('code_expired');
      if (!isCodeVerifier(verifier) || !isEqualSecret(sha256(verifier), code.codeChallenge)) {
        throw reject('code_verifier_wrong');
      }
      // OAuth 2.1 clients do not send it; those that do must send what they sent before (OAuth 2.1 §10.2).
      if (redirectUri !== undefined && redirectUri !== code.redirectUri) throw reject('code_redirect_uri_mismatch');
      checkGrantedResource(form, code.resource);
      if (!meetsConstraint(code.sender, sender)) throw reject('code_of_other_key');

      return provider.exchangeAuthorizationCode(client, code, await useProof(sender));
    },
  };
}

/** A resource named again must be the granted one (RFC 8707 §2.2). @throws OAuthError `resource_mismatch` */
export function checkGrantedResource(form: Form, granted: string): void {
  if (!form.getAll('resource').every((resource) => isSameResource(resource, granted)))
    throw reject('resource_mismatch');
}
