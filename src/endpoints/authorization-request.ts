import type { Client } from '../clients/index.ts';
import {
  type AuthorizationRequest,
  type Form,
  isCodeChallenge,
  isThumbprint,
  OFFLINE_ACCESS,
  parseScope,
  type Resource,
  type ResourceDirectory,
  reject,
  type Scope,
  type VerifiedRedirectTarget,
} from '../oauth/index.ts';

const PROMPTS = new Set(['none', 'login', 'consent', 'select_account']);
const MAX_STATE_LENGTH = 2_048;

/**
 * Reads the parameters of an authorization request whose client and redirect URI are proved (RFC 6749 §4.1.1, RFC 7636
 * §4.3, RFC 8707 §2.1). Unknown parameters are ignored.
 * @throws OAuthError for the client, by redirect.
 */
export function parseAuthorizationRequest(
  form: Form,
  client: Client,
  target: VerifiedRedirectTarget,
  resources: ResourceDirectory,
): AuthorizationRequest {
  if (form.repeated.length > 0) throw reject('parameter_repeated', { parameter: form.repeated[0] });
  if (!isEchoable(form.get('state')) || (target.state?.length ?? 0) > MAX_STATE_LENGTH)
    throw reject('parameter_malformed', { parameter: 'state' });
  if (form.get('request') !== undefined) throw reject('request_object_unsupported');
  if (form.get('request_uri') !== undefined) throw reject('request_uri_unsupported');
  checkResponseType(form, client);
  const resource = resources.resolve(form.getAll('resource'));
  const maxAge = parseMaxAge(form.get('max_age'));
  const dpopJkt = form.get('dpop_jkt');
  if (dpopJkt !== undefined && !isThumbprint(dpopJkt)) throw reject('parameter_malformed', { parameter: 'dpop_jkt' });
  const loginHint = form.get('login_hint');
  const uiLocales = form
    .get('ui_locales')
    ?.split(' ')
    .filter((tag) => tag !== '');
  return {
    target,
    codeChallenge: parseCodeChallenge(form),
    resource,
    scope: grantableScope(parseScope(form.get('scope')), resource, client),
    prompt: parsePrompt(form.get('prompt')),
    ...(maxAge !== undefined && { maxAge }),
    ...(loginHint !== undefined && loginHint.length <= 256 && { loginHint }),
    ...(uiLocales !== undefined && { uiLocales: uiLocales.slice(0, 8) }),
    ...(dpopJkt !== undefined && { sender: { jkt: dpopJkt } }),
  };
}

/**
 * Whether a `state` can come back as it came (RFC 6749 §4.1.2). Bytes that are not UTF-8 were read as U+FFFD; a client that
 * means that character is refused with them.
 */
export function isEchoable(state: string | undefined): boolean {
  return state?.includes('\ufffd') !== true;
}

function checkResponseType(form: Form, client: Client): void {
  const responseType = form.get('response_type');
  if (responseType === undefined) throw reject('response_type_missing');
  if (responseType !== 'code') throw reject('response_type_unsupported');
  const responseMode = form.get('response_mode');
  if (responseMode !== undefined && responseMode !== 'query') throw reject('response_mode_unsupported');
  if (!client.grantTypes.includes('authorization_code')) throw reject('grant_type_not_allowed');
}

// A missing method means "plain" (RFC 7636 §4.3), which is not offered.
function parseCodeChallenge(form: Form): string {
  const challenge = form.get('code_challenge');
  if (challenge === undefined) throw reject('code_challenge_missing');
  if (form.get('code_challenge_method') !== 'S256') throw reject('code_challenge_method_unsupported');
  if (!isCodeChallenge(challenge)) throw reject('code_challenge_malformed');
  return challenge;
}

/**
 * What may be granted. Names the resource does not know are left out, because clients ask for whatever they once read
 * somewhere; a request of which nothing remains is refused. A configured client keeps to its own list.
 */
function grantableScope(requested: Scope | undefined, resource: Resource, client: Client): Scope {
  const known = resource.scopes === undefined ? undefined : new Set([...Object.keys(resource.scopes), OFFLINE_ACCESS]);
  if (requested === undefined) {
    const fallback = resource.defaultScopes ?? Object.keys(resource.scopes ?? {});
    return client.scope === undefined ? fallback : fallback.filter((name) => client.scope?.includes(name));
  }
  if (
    client.scope !== undefined &&
    !requested.every((name) => name === OFFLINE_ACCESS || client.scope?.includes(name))
  ) {
    throw reject('scope_not_allowed');
  }
  const granted = known === undefined ? requested : requested.filter((name) => known.has(name));
  if (granted.length === 0) throw reject('scope_not_allowed');
  return granted;
}

function parsePrompt(text: string | undefined): readonly string[] {
  const prompt = (text ?? '').split(' ').filter((value) => PROMPTS.has(value));
  if (prompt.includes('none') && prompt.length > 1) throw reject('parameter_malformed', { parameter: 'prompt' });
  return prompt;
}

function parseMaxAge(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw reject('parameter_malformed', { parameter: 'max_age' });
  return Number(text);
}
