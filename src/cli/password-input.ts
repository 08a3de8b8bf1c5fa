import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Random } from '../platform/index.ts';
import { CommandError, EXIT } from './failure.ts';

/** Where a new password comes from. */
export interface PasswordSource {
  /** Make one and print it. */
  readonly generate?: boolean;
  /** Read one line from standard input. */
  readonly stdin?: boolean;
}

/**
 * A new password: made, read from standard input, or typed twice without echo.
 * @throws CommandError when there is no terminal to ask at, or the two do not agree.
 */
export async function readNewPassword(source: PasswordSource, random: Random): Promise<string> {
  if (source.generate === true) return random(15);
  if (source.stdin === true) return firstLine();
  if (!process.stdin.isTTY) {
    throw new CommandError('No terminal to ask for a password: use --generate or --password-stdin.', EXIT.usage);
  }
  const password = await askHidden('New password: ');
  if ((await askHidden('Again: ')) !== password) throw new CommandError('The two passwords differ.');
  return password;
}

async function firstLine(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line;
  throw new CommandError('Standard input holds no password.', EXIT.usage);
}

async function askHidden(question: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(question);
  try {
    return await new Promise<string>((resolve, fail) => {
      reader.once('close', () => fail(new CommandError('Nothing was entered.')));
      reader.question('', resolve);
    });
  } finally {
    reader.close();
    process.stderr.write('\n');
  }
}
