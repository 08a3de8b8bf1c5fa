import { ConfigError } from '../config/index.ts';
import { UserChangeError, type UserChangeFault } from '../interaction/index.ts';
import { KeysRefusedError } from '../keys/index.ts';
import { UnavailableError } from '../oauth/index.ts';

/** Exit codes of every command (docs/configuration.md). */
export const EXIT = { clean: 0, failed: 1, usage: 64, configuration: 78 } as const;

/** A command that cannot do what it was asked; the message is for the operator. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

const USER_FAULTS: Readonly<Record<UserChangeFault, string>> = {
  username_taken: 'There is a user of that name already.',
  username_unknown: 'There is no user of that name.',
  username_malformed: 'A username has 1 to 128 printable characters.',
  password_too_short: 'A password has at least 8 characters.',
  password_too_long: 'A password has at most 1,024 characters.',
};

/** What to tell the operator, and the exit code. */
export function describeFailure(error: unknown): { readonly message: string; readonly exitCode: number } {
  if (error instanceof CommandError) return { message: error.message, exitCode: error.exitCode };
  if (error instanceof ConfigError || error instanceof KeysRefusedError)
    return { message: error.message, exitCode: EXIT.configuration };
  if (error instanceof UserChangeError) return { message: USER_FAULTS[error.fault], exitCode: EXIT.failed };
  if (error instanceof UnavailableError) return { message: describeUnavailable(error), exitCode: EXIT.failed };
  return { message: describeError(error), exitCode: EXIT.failed };
}

/** The message of an error, with the code of the operating system that is behind it: `… is unavailable (ENOSPC)`. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  for (let { cause } = error; cause instanceof Error; { cause } = cause) {
    if ('code' in cause && typeof cause.code === 'string') return `${error.message} (${cause.code})`;
  }
  return error.message;
}

/** What cannot be reached, and why as far as that is known; a write may stand all the same. */
function describeUnavailable({ dependency, cause }: UnavailableError): string {
  const reason = cause instanceof Error && cause.message !== '' ? ` (${cause.message})` : '';
  return `The ${dependency} cannot be used${reason}. If something was to be changed, look whether it was.`;
}
