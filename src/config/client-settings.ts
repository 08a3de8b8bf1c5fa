import { z } from 'zod';
import { checkClient } from './cross-field-rules.ts';
import { flag, list, oneOf, text } from './fields.ts';
import { GRANT_TYPES } from './grant-settings.ts';
import { link, sha256Text } from './protocol-fields.ts';

const publicJwk = z.record(z.string(), z.unknown(), { error: 'must be a JWK' });

/** A client that need not register itself. */
export const client = z
  .strictObject(
    {
      client_id: text(2048)
        .regex(/^[\x21-\x7e]+$/, { error: 'must be printable ASCII without spaces' })
        .describe('Its identifier. Required.'),
      client_name: z.exactOptional(text(128)).describe('What people are shown on the consent page.'),
      redirect_uris: z.exactOptional(list(text())).describe('Where answers may be sent; compared exactly.'),
      grant_types: z
        .exactOptional(list(oneOf(GRANT_TYPES)))
        .describe('Absent: both `authorization_code` and `refresh_token`.'),
      response_types: z.exactOptional(list(oneOf(['code']))).describe('Only `code` exists.'),
      token_endpoint_auth_method: z
        .exactOptional(oneOf(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']))
        .describe(
          'Absent: `private_key_jwt` with `jwks` or `jwks_uri`, `client_secret_basic` with a `client_secret_hash`, else ' +
            '`none`.',
        ),
      client_secret_hash: z
        .exactOptional(sha256Text('the secret'))
        .describe('SHA-256 of the client secret, in base64url without padding.'),
      jwks: z
        .exactOptional(
          z.strictObject(
            { keys: list(publicJwk).min(1, { error: 'must name at least one key' }) },
            { error: 'must be a JWK Set' },
          ),
        )
        .describe('Its public keys (RFC 7517 §5), for `private_key_jwt`.'),
      jwks_uri: z
        .exactOptional(text().regex(/^https?:\/\//, { error: 'must be an https URL' }))
        .describe('Where its public keys are, on a public host; instead of `jwks`.'),
      token_endpoint_auth_signing_alg: z
        .exactOptional(text(16))
        .describe('The only `alg` of its assertions. Absent: the one of its key.'),
      scope: z.exactOptional(text()).describe('The scope names it may ask for, separated by spaces. Absent: any.'),
      dpop_bound_access_tokens: z
        .exactOptional(flag())
        .describe('Whether all its token requests need a DPoP proof (RFC 9449 §5.2).'),
      require_pushed_authorization_requests: z
        .exactOptional(flag())
        .describe('Whether its authorization requests must be pushed to `/par` first (RFC 9126 §6).'),
      client_uri: z.exactOptional(link).describe('Its home page.'),
      logo_uri: z.exactOptional(link).describe('Its logo. Never loaded by our pages.'),
      tos_uri: z.exactOptional(link).describe('Its terms of service.'),
      policy_uri: z.exactOptional(link).describe('Its privacy policy.'),
      contacts: z.exactOptional(list(text(256))).describe('Who is responsible for it.'),
    },
    { error: 'must be an object' },
  )
  .superRefine(checkClient, { when: () => true });

/** A client of the configuration: RFC 7591 metadata with a `client_id` and the hash of its secret. */
export type ClientEntry = z.output<typeof client>;
