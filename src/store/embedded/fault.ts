import { UnavailableError } from '../../oauth/index.ts';

/**
 * Why a file cannot be the store: it belongs to something else, was written by a later version, is damaged, or cannot be
 * opened. For the operator, at start; nothing in the file was changed.
 */
export class StoreFileError extends Error {
  override readonly name = 'StoreFileError';
  readonly file: string;
  readonly reason: 'foreign' | 'newer' | 'corrupt' | 'unusable';

  constructor(file: string, reason: StoreFileError['reason'], message: string, options: { cause?: unknown } = {}) {
    super(`${file}: ${message}`, options);
    this.file = file;
    this.reason = reason;
  }
}

/** Primary result codes of SQLite (sqlite.org/rescode.html) that are told apart. */
export const SQLITE = { busy: 5, corrupt: 11, constraint: 19, mismatch: 20, range: 25, notADatabase: 26 } as const;

/** The primary result code of an error of node:sqlite; `undefined` for any other error. */
export function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

/** Whether the error says that the file, the disk or a lock failed us, and not that a value was wrong. */
export function isStoreFault(error: unknown): boolean {
  const code = resultCode(error);
  if (code === undefined) return error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_STATE';
  return code !== SQLITE.constraint && code !== SQLITE.mismatch && code !== SQLITE.range;
}

/** What callers are told: `UnavailableError` for a fault of the store, anything else as it is. */
export function asUnavailable(error: unknown): unknown {
  return isStoreFault(error) ? new UnavailableError('store', { cause: error }) : error;
}
