import { issuerPath } from '../oauth/index.ts';
import { fetchJson, isTrustworthyUrl, type JsonFetcher } from './fetch-json.ts';

/** Where the metadata of an issuer is (RFC 8414 §3.1): the well-known path goes between host and path. */
export function issuerMetadataUrl(issuer: string): string {
  return `${new URL(issuer).origin}/.well-known/oauth-authorization-server${issuerPath(issuer)}`;
}

/**
 * The `jwks_uri` of an issuer, from metadata that names this very issuer, byte for byte (RFC 8414 §3.3).
 * @throws Error when there is none to be had.
 */
export async function findJwksUri(issuer: string, fetcher: JsonFetcher): Promise<string> {
  const answer = await fetchJson(issuerMetadataUrl(issuer), fetcher);
  if (answer.status !== 'fetched' || answer.document['issuer'] !== issuer)
    throw new Error('the metadata is of another issuer');
  const jwksUri = answer.document['jwks_uri'];
  if (typeof jwksUri !== 'string' || !isTrustworthyUrl(jwksUri)) throw new Error('the metadata has no usable jwks_uri');
  if (issuer.startsWith('https:') && !jwksUri.startsWith('https:')) throw new Error('the jwks_uri is not https');
  return jwksUri;
}
