import { isAccessTokenType, type JsonObject, MAX_COMPACT_LENGTH, parseJsonBytes } from '../../oauth/index.ts';
import type { VerificationKey } from '../keys/verification-key.ts';
import { asciiBytes, decodeBase64url } from '../runtime/base64url.ts';
import type { Soon } from '../runtime/digest.ts';
import type { JwsAlgorithmName } from './jws-algorithm.ts';

/** A text with the form and the header of an access token of an algorithm that is allowed; nothing is verified yet. */
export interface UnverifiedToken {
  readonly kid: string;
  readonly alg: JwsAlgorithmName;
  /** The whole of it. */
  readonly text: string;
  /** The signed text: header, dot, payload. */
  readonly input: string;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array<ArrayBuffer>;
}

interface Header {
  readonly kid: string;
  readonly alg: JwsAlgorithmName;
}

const MAX_HEADERS = 64;
const MAX_HEADER_LENGTH = 512;

/**
 * Reads compact JWS access tokens up to the signature (RFC 7515 §5.2, RFC 9068 §4), the canonical spelling only: what
 * `splitCompact` passes. Only `alg`, `typ` and `kid` of the header mean anything; a token that needs more of its reader
 * (`crit`, `b64`) is not read. `jwk`, `jku`, `x5u`, `x5c` are never looked at.
 */
export function createTokenReader(
  algorithms: readonly JwsAlgorithmName[],
  isType: (typ: unknown) => boolean = isAccessTokenType,
): (token: string) => UnverifiedToken | undefined {
  // All tokens signed with one key carry the same header text, so it is decoded once.
  let headers = new Map<string, Header>();

  function readHeader(segment: string): Header | undefined {
    const known = headers.get(segment);
    if (known !== undefined) return known;
    const header = parseHeader(segment, algorithms, isType);
    if (header === undefined || segment.length > MAX_HEADER_LENGTH) return header;
    if (headers.size >= MAX_HEADERS) headers = new Map();
    headers.set(segment, header);
    return header;
  }

  return (token) => {
    if (token.length > MAX_COMPACT_LENGTH) return undefined;
    const first = token.indexOf('.');
    const second = token.indexOf('.', first + 1);
    if (first < 1 || second <= first + 1 || second === token.length - 1) return undefined;
    const header = readHeader(token.slice(0, first));
    if (header === undefined) return undefined;
    const payload = decodeBase64url(token.slice(first + 1, second));
    const signature = decodeBase64url(token.slice(second + 1));
    if (payload === undefined || signature === undefined) return undefined;
    return { kid: header.kid, alg: header.alg, text: token, input: token.slice(0, second), payload, signature };
  };
}

/** Whether the signature of a token holds under `key`, which must be of the algorithm the header names. */
export function isSignedBy({ input, signature, alg }: UnverifiedToken, key: VerificationKey): Soon<boolean> {
  return alg === key.alg && key.verify(asciiBytes(input), signature);
}

/** The claims of a token whose signature holds; `undefined` when its payload is no JSON object. */
export function readPayload({ payload }: UnverifiedToken): JsonObject | undefined {
  return parseJsonBytes(payload);
}

function parseHeader(
  segment: string,
  algorithms: readonly JwsAlgorithmName[],
  isType: (typ: unknown) => boolean,
): Header | undefined {
  const bytes = decodeBase64url(segment);
  const header = bytes === undefined ? undefined : parseJsonBytes(bytes);
  if (header === undefined || 'crit' in header || 'b64' in header) return undefined;
  if (!isType(header['typ'])) return undefined;
  const { kid } = header;
  const alg = algorithms.find((name) => name === header['alg']);
  return typeof kid !== 'string' || alg === undefined ? undefined : { kid, alg };
}
