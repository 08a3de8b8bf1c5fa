import { createInterface } from 'node:readline';
import { CommandError, EXIT } from './failure.ts';

/**
 * Asks before something that cannot be undone. `--yes` answers in advance.
 * @throws CommandError when there is no terminal to ask at, or the answer is no.
 */
export async function requireConfirmation(question: string, options: { readonly yes?: boolean }): Promise<void> {
  if (options.yes === true) return;
  if (!process.stdin.isTTY) throw new CommandError(`${question}\nNo terminal to confirm at: use --yes.`, EXIT.usage);
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await new Promise<string>((resolve) => {
      reader.once('close', () => resolve(''));
      reader.question(`${question} Type yes: `, resolve);
    });
    if (answer.trim().toLowerCase() !== 'yes') throw new CommandError('Nothing was changed.');
  } finally {
    reader.close();
  }
}
