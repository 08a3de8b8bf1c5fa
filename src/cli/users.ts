import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { createLocalUsers, type LocalUsers } from '../interaction/index.ts';
import { silentAudit, systemClock, systemRandom } from '../platform/index.ts';
import { CommandError } from './failure.ts';
import { formatMoment, momentColumn, printOutcome, printRows } from './output.ts';
import { type PasswordSource, readNewPassword } from './password-input.ts';
import { withStore } from './store.ts';

interface Options {
  readonly json?: boolean;
}
interface PasswordOptions extends Options {
  readonly generate?: boolean;
  readonly passwordStdin?: boolean;
}

/** `users add | passwd | list | disable | enable`: the people who sign in with a password. */
export function addUserCommands(program: Command, loadConfig: () => Config): void {
  const users = program.command('users').description('People who sign in with a password');
  const directory = (): LocalUsers =>
    createLocalUsers({ path: loadConfig().usersFile, clock: systemClock, random: systemRandom, audit: silentAudit });

  passwordOptions(users.command('add').description('Add a user').argument('<username>')).action(
    async (username: string, options: PasswordOptions) => {
      const password = await readNewPassword(sourceOf(options), systemRandom);
      const user = await directory().add(username, password);
      const shown = options.generate === true ? { password } : {};
      printOutcome(
        `Added ${user.username}.${options.generate === true ? ` Password: ${password}` : ''}`,
        { username: user.username, subject: user.subject, ...shown },
        options.json === true,
      );
    },
  );

  passwordOptions(
    users
      .command('passwd')
      .description('Set a password and end what was begun with the old one')
      .argument('<username>'),
  ).action(async (username: string, options: PasswordOptions) => {
    const config = loadConfig();
    const password = await readNewPassword(sourceOf(options), systemRandom);
    const { subject } = await findUser(directory(), username);
    await directory().setPassword(username, password);
    await denySubject(config, subject);
    const shown = options.generate === true ? { password } : {};
    printOutcome(
      `Changed. Every session and every token of ${username} has ended.${options.generate === true ? ` Password: ${password}` : ''}`,
      { username, subject, ...shown },
      options.json === true,
    );
  });

  users
    .command('list')
    .description('List users')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const rows = (await directory().list()).map((user) => ({
        username: user.username,
        subject: user.subject,
        disabled: user.disabled,
        [momentColumn('created', options.json === true)]:
          options.json === true ? user.createdAt : formatMoment(user.createdAt),
        [momentColumn('passwordChanged', options.json === true)]:
          options.json === true ? user.passwordChangedAt : formatMoment(user.passwordChangedAt),
      }));
      printRows(rows, options.json === true);
    });

  users
    .command('disable')
    .description('Keep a user out: no sign-in, and every session and token ends')
    .argument('<username>')
    .option('--json', 'print JSON')
    .action(async (username: string, options: Options) => {
      const config = loadConfig();
      const { subject } = await findUser(directory(), username);
      await directory().disable(username);
      await denySubject(config, subject);
      printOutcome(
        `Disabled. Every session and token of ${username} has ended.`,
        { username, subject },
        options.json === true,
      );
    });

  users
    .command('enable')
    .description('Let a disabled user sign in again')
    .argument('<username>')
    .option('--json', 'print JSON')
    .action(async (username: string, options: Options) => {
      const { subject } = await findUser(directory(), username);
      await directory().enable(username);
      printOutcome(`Enabled. ${username} can sign in again.`, { username, subject }, options.json === true);
    });
}

function passwordOptions(command: Command): Command {
  return command
    .option('--generate', 'make a password and print it')
    .option('--password-stdin', 'read the password from standard input')
    .option('--json', 'print JSON');
}

function sourceOf(options: PasswordOptions): PasswordSource {
  return { generate: options.generate === true, stdin: options.passwordStdin === true };
}

async function findUser(users: LocalUsers, username: string): Promise<{ readonly subject: string }> {
  const wanted = username.normalize('NFKC').toLowerCase();
  const user = (await users.list()).find((one) => one.username === username || one.username === wanted);
  if (user === undefined) throw new CommandError('There is no user of that name.');
  return user;
}

/** Denies everything issued to the subject until now: codes, refresh families, access tokens. Durable when it returns. */
async function denySubject(config: Config, subject: string): Promise<void> {
  await withStore(config, (store) =>
    store.denylist.deny({ kind: 'subject', id: subject, lifetime: config.lifetimes.refreshAbsolute }),
  );
}
