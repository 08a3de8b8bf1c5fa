/**
 * Which Client ID Metadata Documents are trusted (draft-ietf-oauth-client-id-metadata-document-02, trust policies).
 * An entry is a host (`claude.ai`), all hosts below one (`*.example.com`), or one document by its URL.
 */
export interface DocumentTrust {
  /** Absent: every document is trusted that `deny` does not name. */
  readonly allow?: readonly string[];
  /** Stronger than `allow`. */
  readonly deny?: readonly string[];
}

/** Whether a client_id that is a document's URL is trusted. */
export function isTrustedDocument(trust: DocumentTrust, clientId: string): boolean {
  const hostname = URL.parse(clientId)?.hostname ?? '';
  const isNamed = (entry: string) => matchesEntry(entry, clientId, hostname);
  if (trust.deny?.some(isNamed) === true) return false;
  return trust.allow === undefined || trust.allow.some(isNamed);
}

/** Whether a text is an entry of a trust policy; others would match nothing. */
export function isDocumentTrustEntry(entry: string): boolean {
  if (/^https?:\/\//.test(entry)) return URL.parse(entry)?.href === entry;
  const host = entry.startsWith('*.') ? entry.slice(2) : entry;
  return host !== '' && !host.includes('*') && URL.parse(`https://${host}/`)?.hostname === host;
}

function matchesEntry(entry: string, clientId: string, hostname: string): boolean {
  if (entry.includes('://')) return entry === clientId;
  return entry.startsWith('*.') ? hostname.endsWith(entry.slice(1)) : hostname === entry;
}
