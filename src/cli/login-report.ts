import type { JsonObject } from '../oauth/index.ts';
import { createVerifier } from '../resource/index.ts';
import { CommandError } from './failure.ts';
import type { LoginClient, LoginTokens } from './login-client.ts';
import { formatMoment, visible } from './output.ts';

const ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256', 'ML-DSA-44'] as const;

/**
 * The claims of the token, as an MCP server of the resource verifies them; `undefined` where the issuer publishes no keys, and
 * the token is for itself to read. @throws CommandError when an MCP server would refuse it; UnavailableError
 */
export async function verifiedClaims(
  client: Pick<LoginClient, 'metadata'>,
  tokens: LoginTokens,
  resource: string,
): Promise<JsonObject | undefined> {
  const { issuer, jwks_uri: jwks } = client.metadata;
  if (jwks === undefined) return undefined;
  using verifier = createVerifier({ issuer, resource, revocations: false, algorithms: ALGORITHMS });
  const token = await verifier.loadAccessToken(tokens.accessToken);
  if (token === undefined)
    throw new CommandError(
      `A token was issued, but an MCP server at ${resource} that trusts ${issuer} would refuse it.`,
    );
  return { ...token.claims };
}

/** The claims for people, one in a line. */
export function claimLines(claims: JsonObject): readonly string[] {
  return Object.entries(claims).map(([name, value]) =>
    visible(`${name.padEnd(10)} ${typeof value === 'string' ? value : JSON.stringify(value)}${moment(name, value)}`),
  );
}

function moment(name: string, value: unknown): string {
  const isTime = ['iat', 'exp', 'auth_time'].includes(name) && typeof value === 'number';
  return isTime ? ` (${formatMoment(value)} UTC)` : '';
}
