import { type Argon2Parameters, argon2 } from 'node:crypto';
import { promisify } from 'node:util';
import { isEqualSecret, type Random } from '../platform/index.ts';

/** Argon2id cost (RFC 9106): `memory` in KiB. 19 MiB and two passes are OWASP's minimum. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 } as const;
const TAG_LENGTH = 32;
const SALT_BYTES = 16;

const derive = promisify((parameters: Argon2Parameters, done: (error: Error | null, tag: Buffer) => void) =>
  argon2('argon2id', parameters, done),
);

interface PasswordHash {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly tag: Buffer;
}

/** Hashes a password as a PHC string (`$argon2id$v=19$m=…,t=…,p=…$salt$tag`). Runs off the event loop. */
export async function hashPassword(password: string, random: Random): Promise<string> {
  const salt = Buffer.from(random(SALT_BYTES), 'base64url');
  const tag = await derive({ message: password, nonce: salt, tagLength: TAG_LENGTH, ...COST });
  return `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${encode(salt)}$${encode(tag)}`;
}

/** Whether the password is the one behind a PHC string; false for a text that is none. */
export async function verifyPassword(password: string, phc: string): Promise<boolean> {
  const hash = parsePasswordHash(phc);
  if (hash === undefined) return false;
  const { memory, passes, parallelism, salt, tag } = hash;
  const derived = await derive({ message: password, nonce: salt, tagLength: tag.length, memory, passes, parallelism });
  return isEqualSecret(derived.toString('base64url'), tag.toString('base64url'));
}

/** Whether the text is a PHC string `verifyPassword` can check. */
export function isPasswordHash(text: string): boolean {
  return parsePasswordHash(text) !== undefined;
}

const PHC =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,6}),t=([1-9]\d{0,2}),p=([1-9]\d?)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

function parsePasswordHash(text: string): PasswordHash | undefined {
  const [, memory, passes, parallelism, salt, tag] = PHC.exec(text) ?? [];
  if (salt === undefined || tag === undefined) return undefined;
  const hash = {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
  // Argon2 needs 8 KiB a lane; a file must not be able to ask for more than a gibibyte.
  return hash.memory >= 8 * hash.parallelism && hash.memory <= 1_048_576 ? hash : undefined;
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
