import { randomBytes } from 'node:crypto';

/** Unpredictable text: `bytes` random bytes in base64url. */
export type Random = (bytes: number) => string;

/** Randomness of the operating system. */
export const systemRandom: Random = (bytes) => randomBytes(bytes).toString('base64url');
