import {
  isRevocationClaims,
  parseJsonBytes,
  REVOCATIONS_TYPE,
  type RevocationClaims,
  type Seconds,
} from '../../oauth/index.ts';
import type { KeySource } from '../keys/key-source.ts';
import { asciiBytes, decodeBase64url } from '../runtime/base64url.ts';
import type { Clock } from '../runtime/clock.ts';
import type { JwsAlgorithmName } from '../tokens/jws-algorithm.ts';

/** Longest document that is read, in bytes: about a million entries. */
export const MAX_DOCUMENT_BYTES = 64 * 1_048_576;

/**
 * How far the clocks of two replicas of an issuer may be apart: documents are signed by the clock of the replica that was asked,
 * tokens are not.
 */
export const REPLICAS_APART: Seconds = 60;

/**
 * Makes the function that verifies revocation documents of one issuer (docs/tokens.md): form, `typ`, signature, `iss` and
 * times. It rejects, with an error that says why, what is not one that stands now, and where keys cannot be had.
 */
export function createDocumentReader(deps: {
  issuer: string;
  algorithms: readonly JwsAlgorithmName[];
  keys: Pick<KeySource, 'find' | 'seek'>;
  clock: Clock;
  clockTolerance: number;
}): (text: string) => Promise<RevocationClaims> {
  const { issuer, algorithms, keys, clock, clockTolerance } = deps;

  return async (text) => {
    const [head = '', body = '', tail = '', ...rest] = text.split('.');
    const [header, payload, signature] = [head, body, tail].map(decodeBase64url);
    const members = header === undefined ? undefined : parseJsonBytes(header);
    if (members === undefined || payload === undefined || signature === undefined || rest.length > 0)
      throw new Error('the document is no compact JWS');
    const { kid, typ } = members;
    const alg = algorithms.find((name) => name === members['alg']);
    if (typ !== REVOCATIONS_TYPE || 'crit' in members || 'b64' in members || typeof kid !== 'string')
      throw new Error('the document is no revocation document');
    const key = keys.find(kid) ?? (await keys.seek(kid, clock()));
    const input = asciiBytes(text.slice(0, head.length + 1 + body.length));
    if (key === undefined || alg !== key.alg || !(await key.verify(input, signature)))
      throw new Error('the document is not signed by a key of the issuer');
    const claims = parseJsonBytes(payload);
    if (claims === undefined || !isRevocationClaims(claims))
      throw new Error('the claims of the document are malformed');
    if (claims.iss !== issuer) throw new Error('the document is of another issuer');
    const now = clock();
    if (claims.iat > now + Math.max(clockTolerance, REPLICAS_APART)) throw new Error('the document is from the future');
    if (claims.exp <= now - clockTolerance) throw new Error('the document has expired');
    return claims;
  };
}
