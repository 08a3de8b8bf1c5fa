import { isUtf8 } from 'node:buffer';
import { isAccessTokenType, type JsonObject, parseJsonObject, splitCompact } from '../oauth/index.ts';
import type { JwsAlgorithmName } from './jws-algorithm.ts';
import type { VerificationKey } from './verification-key.ts';

/** A text with the form and the header of an access token of an algorithm that is allowed; nothing is verified yet. */
export interface UnverifiedToken {
  readonly kid: string;
  readonly alg: JwsAlgorithmName;
  readonly token: string;
  readonly payload: string;
  readonly signature: string;
}

interface Header {
  readonly kid: string;
  readonly alg: JwsAlgorithmName;
}

const MAX_HEADERS = 64;
const MAX_HEADER_LENGTH = 512;

/**
 * Reads compact JWS access tokens up to the signature (RFC 7515 §5.2, RFC 9068 §4). Only `alg`, `typ` and `kid` of the
 * header mean anything; a token that needs more of its reader (`crit`, `b64`) is not read. `jwk`, `jku`, `x5u`, `x5c` are
 * never looked at.
 */
export function createTokenReader(
  algorithms: readonly JwsAlgorithmName[],
): (token: string) => UnverifiedToken | undefined {
  // All tokens signed with one key carry the same header text, so it is decoded once.
  let headers = new Map<string, Header>();

  function readHeader(segment: string): Header | undefined {
    const known = headers.get(segment);
    if (known !== undefined) return known;
    const header = decodeJsonObject(segment);
    if (header === undefined || 'crit' in header || 'b64' in header) return undefined;
    if (!isAccessTokenType(header['typ'])) return undefined;
    const { kid } = header;
    const alg = algorithms.find((name) => name === header['alg']);
    if (typeof kid !== 'string' || alg === undefined) return undefined;
    if (headers.size >= MAX_HEADERS) headers = new Map();
    const read = { kid, alg };
    if (segment.length <= MAX_HEADER_LENGTH) headers.set(segment, read);
    return read;
  }

  return (token) => {
    const [head, payload, signature] = splitCompact(token, 3) ?? [];
    if (head === undefined || payload === undefined || signature === undefined) return undefined;
    const header = readHeader(head);
    return header === undefined ? undefined : { kid: header.kid, alg: header.alg, token, payload, signature };
  };
}

/** The payload of a token whose signature holds under `key`, which must be of the algorithm the header names. */
export function openPayload(unverified: UnverifiedToken, key: VerificationKey): JsonObject | undefined {
  const { token, payload, signature, alg } = unverified;
  if (alg !== key.alg) return undefined;
  const input = Buffer.from(token.slice(0, token.length - signature.length - 1), 'latin1');
  if (!key.verify(input, Buffer.from(signature, 'base64url'))) return undefined;
  return decodeJsonObject(payload);
}

function decodeJsonObject(segment: string): JsonObject | undefined {
  const bytes = Buffer.from(segment, 'base64url');
  return isUtf8(bytes) ? parseJsonObject(bytes.toString()) : undefined;
}
