/** A redirect to the client with `iss` (RFC 9207 §2); any other as it is. */
export function withIssuer(location: string, redirectUri: string, issuer: string): string {
  const [target = '', fragment] = location.split(/#(.*)/s);
  const [address, query = ''] = target.split(/\?(.*)/s);
  const parameters = new URLSearchParams(query);
  const isAnswer = parameters.has('code') || parameters.has('error');
  if (!isAnswer || !isSameAddress(address ?? '', redirectUri.split('?', 1)[0] ?? '') || parameters.has('iss'))
    return location;
  return `${target}&iss=${encodeURIComponent(issuer)}${fragment === undefined ? '' : `#${fragment}`}`;
}

// `new URL` in the provider may have added a slash, or dropped a default port.
function isSameAddress(one: string, other: string): boolean {
  return one === other || (URL.canParse(one) && URL.canParse(other) && new URL(one).href === new URL(other).href);
}
