const CALLBACK = 'http://127.0.0.1:7777/callback';

/** What both MCP SDKs ask of a client: a place for its registration, tokens and verifier, and a browser. */
export function createClientMemory() {
  let client: unknown;
  let tokens: unknown;
  let verifier = '';
  let location: URL | undefined;
  let discovery: unknown;
  const provider = {
    redirectUrl: CALLBACK,
    clientMetadata: { client_name: 'a real client', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' },
    state: () => 'state-of-the-client',
    clientInformation: () => client,
    saveClientInformation: (information: unknown) => {
      client = information;
    },
    tokens: () => tokens,
    saveTokens: (issued: unknown) => {
      tokens = issued;
    },
    redirectToAuthorization: (url: URL) => {
      location = url;
    },
    saveCodeVerifier: (text: string) => {
      verifier = text;
    },
    codeVerifier: () => verifier,
    saveDiscoveryState: (state: unknown) => {
      discovery = state;
    },
    discoveryState: () => discovery,
    invalidateCredentials: (what: string) => {
      if (what === 'all' || what === 'client') client = undefined;
      if (what === 'all' || what === 'tokens') tokens = undefined;
    },
  };
  return {
    provider,
    tokens: () => tokens as { access_token: string; refresh_token: string; scope: string },
    setTokens: (next: unknown) => {
      tokens = next;
    },
    client: () => client as { client_id: string },
    location: () => location,
  };
}
