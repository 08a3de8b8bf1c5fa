import { issuerPath, type JsonObject } from '../../oauth/index.ts';
import type { RevocationPlaces } from '../revocations/revocation-subscription.ts';
import { AnswerError, fetchJson, isTrustworthyUrl, type JsonFetcher } from '../runtime/fetch-json.ts';

/**
 * Where the metadata of an issuer may be, in the order of asking: OAuth's with the well-known path between host and path (RFC
 * 8414 §3.1), OpenID Connect's the same way (§5), and OpenID Connect's behind the path (OpenID Connect Discovery §4).
 */
export function issuerMetadataUrls(issuer: string): readonly string[] {
  const { origin } = new URL(issuer);
  const path = issuerPath(issuer);
  const behind = `${origin}${path}/.well-known/openid-configuration`;
  const between = `${origin}/.well-known/openid-configuration${path}`;
  return [...new Set([`${origin}/.well-known/oauth-authorization-server${path}`, between, behind])];
}

/** The metadata of one issuer. Those who ask at the same time share one search. */
export type IssuerMetadata = (fetcher: JsonFetcher) => Promise<JsonObject>;

/**
 * Finds metadata that names this very issuer, byte for byte (RFC 8414 §3.3). Another place is asked when a server answers that
 * it has none here, or has somebody else's; not when it does not answer, or cannot. It rejects when there is none.
 */
export function createIssuerMetadata(issuer: string): IssuerMetadata {
  let underWay: { readonly work: Promise<JsonObject>; readonly begunAt: number } | undefined;
  /** Where it was last time. */
  let known: string | undefined;

  async function search(fetcher: JsonFetcher): Promise<JsonObject> {
    let reason: unknown;
    for (const url of new Set([...(known === undefined ? [] : [known]), ...issuerMetadataUrls(issuer)])) {
      try {
        const document = await fetchMetadata(url, fetcher);
        known = url;
        return document;
      } catch (error) {
        if (!(error instanceof AnswerError) || error.status >= 500 || error.status === 429) throw error;
        if (reason === undefined || error.status === 200) reason = error;
      }
    }
    throw reason;
  }

  async function fetchMetadata(url: string, fetcher: JsonFetcher): Promise<JsonObject> {
    const answer = await fetchJson(url, fetcher);
    if (answer.status !== 'fetched' || answer.document['issuer'] !== issuer)
      throw new AnswerError('the metadata is of another issuer', 200);
    return answer.document;
  }

  return (fetcher) => {
    // In a worker, whoever began it may be gone, and its work with it.
    const longest = issuerMetadataUrls(issuer).length * fetcher.timeout * 1000;
    const begunAt = performance.now();
    if (underWay !== undefined && begunAt <= underWay.begunAt + longest) return underWay.work;
    const work = search(fetcher).finally(() => {
      if (underWay?.work === work) underWay = undefined;
    });
    underWay = { work, begunAt };
    return work;
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
