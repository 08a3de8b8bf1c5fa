/** Request headers a browser MCP client sends: what `Access-Control-Allow-Headers` of an MCP server has to name. */
export const MCP_REQUEST_HEADERS = [
  'Authorization',
  'DPoP',
  'Content-Type',
  'Accept',
  'Last-Event-ID',
  'Mcp-Session-Id',
  'MCP-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
] as const;

/** Response headers a browser MCP client has to read: what `Access-Control-Expose-Headers` has to name. */
export const MCP_RESPONSE_HEADERS = ['WWW-Authenticate', 'DPoP-Nonce', 'Mcp-Session-Id', 'Retry-After'] as const;
