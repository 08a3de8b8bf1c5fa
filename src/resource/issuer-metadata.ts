import { issuerPath, type JsonObject } from '../oauth/index.ts';
import { fetchJson, isTrustworthyUrl, type JsonFetcher } from './fetch-json.ts';
import type { RevocationPlaces } from './revocation-subscription.ts';

/** Where the metadata of an issuer is (RFC 8414 §3.1): the well-known path goes between host and path. */
export function issuerMetadataUrl(issuer: string): string {
  return `${new URL(issuer).origin}/.well-known/oauth-authorization-server${issuerPath(issuer)}`;
}

/** The metadata of one issuer. Those who ask at the same time share one fetch. */
export type IssuerMetadata = (fetcher: JsonFetcher) => Promise<JsonObject>;

/** Fetches metadata that names this very issuer, byte for byte (RFC 8414 §3.3). It rejects when there is none. */
export function createIssuerMetadata(issuer: string): IssuerMetadata {
  let underWay: Promise<JsonObject> | undefined;

  async function fetchMetadata(fetcher: JsonFetcher): Promise<JsonObject> {
    const answer = await fetchJson(issuerMetadataUrl(issuer), fetcher);
    if (answer.status !== 'fetched' || answer.document['issuer'] !== issuer)
      throw new Error('the metadata is of another issuer');
    return answer.document;
  }

  return (fetcher) => {
    underWay ??= fetchMetadata(fetcher).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

/** The `jwks_uri` of metadata. @throws Error when there is none to be used. */
export function readJwksUri(metadata: JsonObject): string {
  const jwksUri = readUrl(metadata, 'jwks_uri');
  if (jwksUri === undefined) throw new Error('the metadata has no jwks_uri');
  return jwksUri;
}

/**
 * Where the `AKP` keys of the issuer are (RFC 9964); `undefined` when it has no set of them. A member of guardmint's own.
 * @throws Error for a place not to be used.
 */
export function readPostQuantumJwksUri(metadata: JsonObject): string | undefined {
  return readUrl(metadata, 'post_quantum_jwks_uri');
}

/** Where the issuer publishes what it revoked; `undefined` when it does not. @throws Error for places not to be used. */
export function readRevocationPlaces(metadata: JsonObject): RevocationPlaces | undefined {
  const list = readUrl(metadata, 'revocation_list_endpoint');
  const stream = readUrl(metadata, 'revocation_stream_endpoint');
  if (list === undefined) return undefined;
  return { list, ...(stream !== undefined && { stream }) };
}

function readUrl(metadata: JsonObject, name: string): string | undefined {
  const { issuer, [name]: url } = metadata;
  if (url === undefined) return undefined;
  if (typeof url !== 'string' || !isTrustworthyUrl(url)) throw new Error(`the metadata has no usable ${name}`);
  if (typeof issuer === 'string' && issuer.startsWith('https:') && !url.startsWith('https:'))
    throw new Error(`the ${name} is not https`);
  return url;
}
