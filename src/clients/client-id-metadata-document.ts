import { OAuthError, parseJsonObject, reject, type Seconds, UnavailableError } from '../oauth/index.ts';
import {
  type Clock,
  type FetchFault,
  type GuardedFetch,
  GuardedFetchError,
  type GuardedResponse,
  isFetchableUrl,
  sha256,
} from '../platform/index.ts';
import type { Client, ClientAuthenticationMethod } from './client.ts';
import { createBackOff, createRateLimit } from './document-back-off.ts';
import { type CachedDocument, createDocumentCache, freshnessLifetime, isJsonType } from './document-cache.ts';
import { type DocumentTrust, isTrustedDocument } from './document-trust.ts';
import { parseMetadataDocument } from './metadata-document.ts';

/** Clients that are the URL of a document about themselves (draft-ietf-oauth-client-id-metadata-document-02). */
export interface MetadataDocumentClients {
  /** Whether a client_id is the URL of a document that may be fetched and is trusted. Does no I/O. */
  isAdmitted(clientId: string): boolean;
  /**
   * The client of the document at this URL, from the cache or from its host; `undefined` when the client_id is no such
   * URL. Concurrent callers share one fetch. Callers see to it that somebody signed in stands behind the request.
   * @throws OAuthError `client_document_refused` (by the trust policy), `client_document_invalid`.
   * @throws UnavailableError when no document could be had; its `cause` is the OAuthError
   *   `client_document_unreachable` for the page at the authorization endpoint.
   */
  find(clientId: string): Promise<Client | undefined>;
}

/** Which documents become clients, and with what. */
export interface DocumentPolicy {
  readonly trust?: DocumentTrust;
  /** Admits documents on this machine, `http` included: for an issuer that is on loopback itself. */
  readonly allowLoopback?: boolean;
  /** Methods the token endpoint offers them, the preferred one first; absent: `none`. */
  readonly authenticationMethods?: readonly ClientAuthenticationMethod[];
  /** Grant types the server offers them; absent: `authorization_code` and `refresh_token`. */
  readonly grantTypes?: readonly string[];
}

/** Bounds on what documents may cost. */
export interface DocumentLimits {
  /** Shortest time a document is used without asking again; absent: 60. */
  readonly floor?: Seconds;
  /** Longest, and how long it stands in for a host that fails; absent: 24 h. */
  readonly ceiling?: Seconds;
  /** Documents kept; absent: 1,000. */
  readonly maxDocuments?: number;
  /** Documents not yet known that are fetched from one host within a minute; absent: 60. */
  readonly perHostPerMinute?: number;
}

const MAX_CLIENT_ID_LENGTH = 2_048;
const MAX_DOCUMENT_BYTES = 5 * 1_024;
const MAX_REMEMBERED_FAILURES = 2_000;
const USUAL_LIFETIME: Seconds = 300;
const DAY: Seconds = 86_400;

/** Faults of the host itself. Others depend on the path, and one bad document must not shut out the good ones beside it. */
const HOST_FAULTS = new Set<FetchFault>(['name_unresolved', 'address_refused', 'connect_failed', 'tls_failed']);

/**
 * Whether a client_id has the form of a Client ID Metadata Document's URL (draft -02 §3): `https` with a path, in its one
 * canonical spelling, without dot segments, fragment or userinfo, to a host that can be public. `allowLoopback` adds
 * `localhost`, `127.0.0.1` and `[::1]`, also by `http`.
 */
export function isMetadataDocumentClientId(
  clientId: string,
  options: { readonly allowLoopback?: boolean } = {},
): boolean {
  if (clientId.length > MAX_CLIENT_ID_LENGTH || !isFetchableUrl(clientId, options)) return false;
  // The parser resolves dots, lowers the case, drops a default port and writes IDNs as ASCII: what differs was not canonical.
  return URL.parse(clientId)?.href === clientId;
}

export function createMetadataDocumentClients(deps: {
  fetch: GuardedFetch;
  clock: Clock;
  policy?: DocumentPolicy;
  limits?: DocumentLimits;
}): MetadataDocumentClients {
  const { fetch, clock } = deps;
  const { trust = {}, allowLoopback = false } = deps.policy ?? {};
  const { authenticationMethods = ['none'], grantTypes = ['authorization_code', 'refresh_token'] } = deps.policy ?? {};
  const { floor = 60, ceiling = DAY, maxDocuments = 1_000, perHostPerMinute = 60 } = deps.limits ?? {};
  const rules = { allowLoopback, authenticationMethods, grantTypes };
  const lifetimes = { floor, ceiling, usual: USUAL_LIFETIME };

  const documents = createDocumentCache(maxDocuments);
  const underWay = new Map<string, Promise<Client>>();
  const urlBackOff = createBackOff({ clock, free: 3, maxNames: MAX_REMEMBERED_FAILURES });
  const hostBackOff = createBackOff({ clock, free: 10, maxNames: MAX_REMEMBERED_FAILURES });
  const admitNewDocument = createRateLimit({ clock, perMinute: perHostPerMinute, maxNames: MAX_REMEMBERED_FAILURES });

  const isDocumentUrl = (clientId: string) => isMetadataDocumentClientId(clientId, { allowLoopback });

  async function find(clientId: string): Promise<Client | undefined> {
    if (!isDocumentUrl(clientId)) return undefined;
    if (!isTrustedDocument(trust, clientId)) throw reject('client_document_refused', { clientHash: sha256(clientId) });
    const known = documents.get(clientId);
    if (known !== undefined && clock() < known.freshUntil) return known.client;
    const pending = underWay.get(clientId);
    if (pending !== undefined) return pending;
    const resolved = resolve(clientId, known).finally(() => underWay.delete(clientId));
    underWay.set(clientId, resolved);
    return resolved;
  }

  async function resolve(clientId: string, known: CachedDocument | undefined): Promise<Client> {
    try {
      return await refresh(clientId, known);
    } catch (thrown) {
      if (!(thrown instanceof UnavailableError)) throw thrown;
      if (known !== undefined && clock() < known.usableUntil) return known.client;
      throw thrown;
    }
  }

  async function refresh(clientId: string, known: CachedDocument | undefined): Promise<Client> {
    const host = new URL(clientId).host;
    const pause = Math.max(urlBackOff.wait(clientId), hostBackOff.wait(host));
    if (pause > 0) throw unreachable(clientId, 'backed_off', pause);
    // Documents already known are asked for again without counting: nobody can use up the turn of those that work.
    if (known === undefined && !admitNewDocument(host)) throw unreachable(clientId, 'rate_limited', 60);
    try {
      const client = accept(clientId, known, await request(clientId, known));
      urlBackOff.succeeded(clientId);
      hostBackOff.succeeded(host);
      return client;
    } catch (thrown) {
      const fault = thrown instanceof GuardedFetchError ? thrown.fault : undefined;
      if (fault === 'busy') throw unreachable(clientId, fault, 1);
      urlBackOff.failed(clientId);
      if (fault !== undefined && HOST_FAULTS.has(fault)) hostBackOff.failed(host);
      if (thrown instanceof GuardedFetchError) throw unreachable(clientId, thrown.fault, 5, thrown.code);
      // What the publisher says now counts, not what it said before.
      if (thrown instanceof OAuthError) documents.delete(clientId);
      throw thrown;
    }
  }

  function request(clientId: string, known: CachedDocument | undefined): Promise<GuardedResponse> {
    return fetch(clientId, {
      maxBytes: MAX_DOCUMENT_BYTES,
      headers: { accept: 'application/json', ...(known?.etag !== undefined && { 'if-none-match': known.etag }) },
    });
  }

  function accept(clientId: string, known: CachedDocument | undefined, answer: GuardedResponse): Client {
    if (answer.status === 304 && known?.etag !== undefined) {
      keep(clientId, known.client, answer, known.etag);
      return known.client;
    }
    if (answer.status !== 200) throw unreachable(clientId, 'status_not_200');
    if (!isJsonType(answer.headers['content-type'])) throw unreachable(clientId, 'type_not_json');
    const document = parseJsonObject(answer.text);
    if (document === undefined) throw unreachable(clientId, 'not_json');
    const client = parseMetadataDocument(document, clientId, rules);
    keep(clientId, client, answer, undefined);
    return client;
  }

  function keep(clientId: string, client: Client, answer: GuardedResponse, knownEtag: string | undefined): void {
    const lifetime = freshnessLifetime(answer.headers, lifetimes);
    if (lifetime === undefined) {
      documents.delete(clientId);
      return;
    }
    const now = clock();
    const given = answer.headers['etag'];
    const etag = given !== undefined && /^(W\/)?"[\x21\x23-\x7e]{0,256}"$/.test(given) ? given : knownEtag;
    documents.set(clientId, {
      client,
      ...(etag !== undefined && { etag }),
      freshUntil: now + lifetime,
      usableUntil: now + ceiling,
    });
  }

  return {
    isAdmitted: (clientId) => isDocumentUrl(clientId) && isTrustedDocument(trust, clientId),
    find,
  };
}

function unreachable(clientId: string, fault: string, retryAfter = 5, code?: string): UnavailableError {
  const cause = reject('client_document_unreachable', {
    clientHash: sha256(clientId),
    host: new URL(clientId).host,
    fault,
    ...(code !== undefined && { code }),
  });
  return new UnavailableError('client metadata document', { cause, retryAfter });
}
