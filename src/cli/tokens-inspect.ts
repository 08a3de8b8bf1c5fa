import { readFile } from 'node:fs/promises';
import type { Config } from '../config/index.ts';
import { CLOCK_SKEW, type PublicJwk } from '../keys/index.ts';
import {
  type AccessTokenClaims,
  findAccessTokenFault,
  isAccessTokenClaims,
  isAccessTokenType,
  type JsonObject,
  parseJsonBytes,
  parseJsonObject,
  splitCompact,
} from '../oauth/index.ts';
import { sha256, systemClock } from '../platform/index.ts';
import { createAccessTokenOpener, type DeniableThing, denylistKeys, isDenied } from '../tokens/index.ts';
import { CommandError } from './failure.ts';
import { readKeys } from './keys-folder.ts';
import { formatMoment, print, printJson, visible } from './output.ts';
import { withStore } from './store.ts';

/** What is known about a token. The signature is checked and not shown. */
interface Inspection {
  readonly header: JsonObject;
  readonly claims: JsonObject;
  readonly signature: 'valid' | 'invalid' | 'unknown key' | 'not checked';
  /** Where the key stands that signed it; absent for a key of a given JWK Set. */
  readonly keyState?: string;
  readonly fault?: string;
  readonly denied: boolean;
  /** What denies it. */
  readonly deniedBy: readonly string[];
  /** Whether a validator of its resource accepts it now. */
  readonly accepted: boolean;
}

interface KnownKey {
  readonly publicJwk: PublicJwk;
  readonly state?: string;
}

/** `tokens inspect`: decodes and verifies a token here, with the keys folder or a JWK Set, and asks the denylist. */
export async function inspectToken(
  config: Config,
  argument: string,
  options: { readonly jwks?: string; readonly json?: boolean },
): Promise<void> {
  const token = (argument === '-' ? await readInput() : argument).trim();
  const inspection = await inspect(config, token, options.jwks);
  if (options.json === true) printJson(inspection);
  else printInspection(inspection);
}

async function inspect(config: Config, token: string, jwks: string | undefined): Promise<Inspection> {
  const [head = '', body = ''] = splitCompact(token, 3) ?? [];
  const header = parseJsonBytes(Buffer.from(head, 'base64url'));
  const claims = parseJsonBytes(Buffer.from(body, 'base64url'));
  if (header === undefined || claims === undefined) throw new CommandError('That is no JWT: it cannot be decoded.');
  const seen = { header, claims, denied: false, deniedBy: [], accepted: false };
  if (!isAccessTokenType(header['typ']) || !isAccessTokenClaims(claims))
    return { ...seen, signature: 'not checked', fault: 'not an access token (RFC 9068)' };

  const keys = jwks === undefined ? await readFolder(config) : await readJwks(jwks);
  const key = keys.find(({ publicJwk }) => publicJwk.kid === header['kid']);
  const signature = key === undefined ? 'unknown key' : isSignedBy(key, token, claims) ? 'valid' : 'invalid';
  const kid = String(header['kid']);
  const deniedBy = await findDenials(config, claims, kid);
  const expected = { issuer: config.issuer, resource: undefined, clockTolerance: CLOCK_SKEW };
  const fault = findAccessTokenFault(claims, expected, systemClock());
  return {
    ...seen,
    signature,
    ...(key?.state !== undefined && { keyState: key.state }),
    ...(fault !== undefined && { fault }),
    denied: deniedBy.length > 0,
    deniedBy,
    accepted: signature === 'valid' && !GONE.has(key?.state ?? '') && fault === undefined && deniedBy.length === 0,
  };
}

const GONE = new Set(['pending', 'removed', 'revoked']);

function isSignedBy({ publicJwk }: KnownKey, token: string, { iss }: AccessTokenClaims): boolean {
  const keys = { findPublicJwk: (kid: string) => (kid === publicJwk.kid ? publicJwk : undefined) };
  return createAccessTokenOpener({ keys, issuer: iss })(token) !== undefined;
}

async function readFolder(config: Config): Promise<readonly KnownKey[]> {
  const { settled } = await readKeys(config);
  return settled.flatMap(({ publicJwk, state }) => (publicJwk === undefined ? [] : [{ publicJwk, state }]));
}

async function readJwks(file: string): Promise<readonly KnownKey[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`${file} cannot be read (${error.code}).`);
  });
  const document = parseJsonObject(text);
  const keys: unknown = document?.['keys'];
  if (!Array.isArray(keys)) throw new CommandError(`${file} is no JWK Set.`);
  return keys.map((publicJwk: PublicJwk) => ({ publicJwk }));
}

async function findDenials(config: Config, claims: AccessTokenClaims, kid: string): Promise<readonly string[]> {
  const thing: DeniableThing = {
    jti: claims.jti,
    ...(claims.gid !== undefined && { grantId: claims.gid }),
    kid,
    subject: claims.sub,
    clientHash: sha256(claims.client_id),
    issuedAt: claims.iat,
  };
  const entries = await withStore(config, ({ denylist }) => denylist.match(denylistKeys(thing)));
  return entries.filter((entry) => isDenied(thing, [entry])).map(({ kind }) => kind);
}

function printInspection({ header, claims, ...found }: Inspection): void {
  const { signature, keyState, fault, deniedBy, accepted } = found;
  print(accepted ? 'A validator of its resource accepts it now.' : 'No validator accepts it.');
  print(`signature  ${signature}${keyState === undefined ? '' : ` (the key is ${keyState})`}`);
  if (fault !== undefined) print(`fault      ${fault}`);
  print(`denied     ${deniedBy.length === 0 ? 'no' : `yes, by ${deniedBy.join(', ')}`}`);
  for (const [member, value] of [...Object.entries(header), ...Object.entries(claims)])
    print(
      visible(
        `${member.padEnd(10)} ${typeof value === 'string' ? value : JSON.stringify(value)}${momentOf(member, value)}`,
      ),
    );
}

function momentOf(member: string, value: unknown): string {
  const isTime = ['iat', 'exp', 'nbf', 'auth_time'].includes(member) && typeof value === 'number';
  return isTime && Math.abs(value) < 1e11 ? ` (${formatMoment(value)} UTC)` : '';
}

async function readInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk);
  return text;
}
