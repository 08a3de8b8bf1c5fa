/** What an answer has to carry to be the one to our request. */
export interface ExpectedCallback {
  readonly state: string;
  readonly issuer: string;
  /** Whether the issuer says that it always names itself (`authorization_response_iss_parameter_supported`, RFC 9207 §3). */
  readonly namesIssuer: boolean;
}

/** An authorization response (RFC 6749 §4.1.2) that came back, by what it is worth. */
export type Callback =
  | { readonly kind: 'code'; readonly parameters: URLSearchParams }
  /** It is the answer to our request, and the answer is no. */
  | { readonly kind: 'refused'; readonly problem: string }
  /** It is not the answer to our request. */
  | { readonly kind: 'unusable'; readonly problem: string };

const COPY_ALL = 'Copy the whole address at which the browser ended, from http to the last character.';

/**
 * Reads the address the browser was sent to: a whole URL, or from the question mark on. `state` comes first, so that nothing
 * else of an answer that is not ours is believed.
 */
export function readCallback(text: string, expected: ExpectedCallback): Callback {
  const [, query] = text.trim().split(/\?(.*)/s);
  if (query === undefined) return unusable(`There is no answer in it. ${COPY_ALL}`);
  const parameters = new URLSearchParams(query.split('#', 1)[0]);
  if (parameters.has('response_type') || parameters.has('request_uri'))
    return unusable('That is the link itself. Open it in a browser, and paste the address at which that ends.');
  if (['state', 'code', 'iss', 'error'].some((name) => parameters.getAll(name).length > 1))
    return unusable('A parameter appears twice in it.');
  const state = parameters.get('state');
  if (state === null) return unusable(`It has no state. ${COPY_ALL}`);
  if (state !== expected.state) return unusable('It answers another link: its state is not the one of this one.');
  const issuer = parameters.get('iss');
  if (issuer === null ? expected.namesIssuer : issuer !== expected.issuer)
    return unusable(`It does not come from ${expected.issuer}: iss ${issuer === null ? 'is missing' : 'differs'}.`);
  const error = parameters.get('error');
  if (error !== null) return { kind: 'refused', problem: describeRefusal(error, parameters.get('error_description')) };
  if (!parameters.get('code')) return unusable(`It has no code. ${COPY_ALL}`);
  return { kind: 'code', parameters };
}

function describeRefusal(error: string, description: string | null): string {
  if (error === 'access_denied') return 'Access was denied: at sign-in, or by choosing Deny.';
  return `The server refused: ${error}${description === null ? '' : ` (${description})`}`;
}

function unusable(problem: string): Callback {
  return { kind: 'unusable', problem };
}
