import type { Config } from '../config/index.ts';
import { createLocalUsers } from '../interaction/index.ts';
import { silentAudit, systemClock, systemRandom } from '../platform/index.ts';
import { CommandError, EXIT } from './failure.ts';
import { remark, visible } from './output.ts';

/**
 * The subject a text names: that of the local user of this name, or the text itself, which may be the subject of anybody,
 * local or not.
 * @throws CommandError when it is the name of one user and the subject of another.
 */
export async function resolveSubject(config: Config, text: string): Promise<string> {
  const directory = createLocalUsers({
    path: config.usersFile,
    clock: systemClock,
    random: systemRandom,
    audit: silentAudit,
  });
  const users = await directory.list();
  const name = text.normalize('NFKC').toLowerCase();
  const named = users.find(({ username }) => username === name || username === text);
  if (named !== undefined && users.some(({ subject }) => subject === text && subject !== named.subject))
    throw new CommandError(`${text} is the name of one user and the subject of another; use the subject.`, EXIT.usage);
  if (named === undefined && !users.some(({ subject }) => subject === text))
    remark(`There is no local user ${visible(text)}; it is taken for the subject of somebody else.`);
  return named?.subject ?? text;
}

/** Names of local users by subject, for lists. */
export async function readUsernames(config: Config): Promise<ReadonlyMap<string, string>> {
  const directory = createLocalUsers({
    path: config.usersFile,
    clock: systemClock,
    random: systemRandom,
    audit: silentAudit,
  });
  return new Map((await directory.list()).map(({ subject, username }) => [subject, username]));
}
