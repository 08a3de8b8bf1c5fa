import { CompactEncrypt, compactDecrypt } from 'jose';
import type { KeyRing } from '../keys/index.ts';
import { type EpochSeconds, type JsonObject, parseJsonBytes, type Seconds, splitCompact } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';

/** What a sealed thing is; `typ` in its header, so that none can stand in for another. */
export type SealedType =
  | 'code+jwe'
  | 'request+jwe'
  | 'unresolved+jwe'
  | 'own-page+jwe'
  | 'session+jwe'
  | 'browser+jwe'
  | 'form+jwe'
  | 'consent+jwe'
  | 'upstream+jwe'
  | 'par+jwe'
  | 'nonce+jwe';

/** What a sealed thing says, with the times it was sealed at and ends at. */
export type Opened<Claims> = Claims & { readonly iat: EpochSeconds; readonly exp: EpochSeconds };

/** Seals claims into text only this authorization server can read, and opens them again. */
export interface Sealer {
  /** Compact JWE, `dir` and `A256GCM`, under the sealing key in force; ends `lifetime` seconds from now. */
  seal(typ: SealedType, claims: JsonObject, lifetime: Seconds): Promise<string>;
  /**
   * What was sealed, or `undefined` for anything else: another `typ`, another spelling, another key, ended.
   * The shape is the sealer's own promise: what `seal` was given comes back.
   */
  open<Claims extends object>(typ: SealedType, text: string): Promise<Opened<Claims> | undefined>;
  /** The same without looking at the end, for telling "expired" from "not ours". */
  openEnded<Claims extends object>(typ: SealedType, text: string): Promise<Opened<Claims> | undefined>;
}

const ENCODER = new TextEncoder();
const ALLOWED = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };

export function createSealer(deps: { keys: KeyRing; clock: Clock }): Sealer {
  const { keys, clock } = deps;

  async function seal(typ: SealedType, claims: JsonObject, lifetime: Seconds): Promise<string> {
    const key = keys.activeSecret('sealing');
    const now = clock();
    const plaintext = ENCODER.encode(JSON.stringify({ ...claims, iat: now, exp: now + lifetime }));
    return new CompactEncrypt(plaintext)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: key.kid, typ })
      .encrypt(key.secret);
  }

  async function openEnded<Claims extends object>(typ: SealedType, text: string): Promise<Opened<Claims> | undefined> {
    const segments = splitCompact(text, 5);
    const header = parseJsonBytes(Buffer.from(segments?.[0] ?? '', 'base64url'));
    if (header === undefined || !isOurHeader(header, typ)) return undefined;
    const key = keys.findSecret('sealing', header.kid);
    if (key === undefined) return undefined;
    try {
      const { plaintext } = await compactDecrypt(text, key.secret, ALLOWED);
      const claims = parseJsonBytes(plaintext);
      return hasTimes(claims) ? (claims as Opened<Claims>) : undefined;
    } catch {
      return undefined;
    }
  }

  async function open<Claims extends object>(typ: SealedType, text: string): Promise<Opened<Claims> | undefined> {
    const claims = await openEnded<Claims>(typ, text);
    return claims !== undefined && claims.exp > clock() ? claims : undefined;
  }

  return { seal, open, openEnded };
}

// Looked at before any cryptography: a header of ours has these four members and no other, so `zip`, `p2c`, `epk` or
// `crit` never reach the decryption.
function isOurHeader(header: JsonObject, typ: SealedType): header is JsonObject & { kid: string } {
  return (
    header['alg'] === 'dir' &&
    header['enc'] === 'A256GCM' &&
    header['typ'] === typ &&
    typeof header['kid'] === 'string' &&
    Object.keys(header).length === 4
  );
}

function hasTimes(claims: JsonObject | undefined): boolean {
  return Number.isSafeInteger(claims?.['iat']) && Number.isSafeInteger(claims?.['exp']);
}
