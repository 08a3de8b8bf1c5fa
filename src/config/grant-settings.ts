import { z } from 'zod';
import { list, text } from './fields.ts';
import { resourceIdentifier, scopeName } from './protocol-fields.ts';

/** The grant_type of token exchange (RFC 8693). */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** What a configured client may have among its grant_types. */
export const GRANT_TYPES = ['authorization_code', 'refresh_token', 'client_credentials', TOKEN_EXCHANGE] as const;

/** One exchange of tokens that is allowed. */
export const tokenExchange = z.strictObject(
  {
    client: text(2048).describe(
      'The client_id of the MCP server that exchanges: an entry of `clients` with the grant type. Required.',
    ),
    from: resourceIdentifier.describe('The resource whose tokens it may exchange: its own. Required.'),
    to: resourceIdentifier.describe('The resource it may get tokens for. Required.'),
    scopes: z
      .exactOptional(z.record(scopeName, list(scopeName), { error: 'must map scope names to lists of them' }))
      .describe('Scope name at `from` → the names it stands for at `to`. Absent: the names both have.'),
  },
  { error: 'must be an object' },
);
