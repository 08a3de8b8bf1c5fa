import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { sha256, systemClock } from '../platform/index.ts';
import { findLiveFamilies, type RefreshFamily } from '../tokens/index.ts';
import { CommandError } from './failure.ts';
import { formatMoment, momentColumn, printRows, remark } from './output.ts';
import { LONGEST_LIST, revoke } from './revocation.ts';
import { withStore } from './store.ts';
import { readUsernames, resolveSubject } from './subject.ts';

interface ListOptions {
  readonly subject?: string;
  readonly client?: string;
  readonly json?: boolean;
}

/** `sessions list | revoke`: grants that can still be refreshed, which is what people call being signed in to an app. */
export function addSessionCommands(program: Command, loadConfig: () => Config): void {
  const sessions = program.command('sessions').description('Grants that can be refreshed');

  sessions
    .command('list')
    .description('List them, newest first, at most 1,000')
    .option('--subject <subject>', 'of a person, by subject or username')
    .option('--client <client_id>', 'of a client')
    .option('--json', 'print JSON')
    .action(async (options: ListOptions) => {
      const config = loadConfig();
      const families = await findFamilies(config, options);
      const names = await readUsernames(config);
      const asJson = options.json === true;
      printRows(
        families.map((family) => describeFamily(family, names, asJson)),
        asJson,
      );
      if (families.length >= LONGEST_LIST) remark('There may be more; narrow it down with --subject and --client.');
    });

  sessions
    .command('revoke')
    .description('End one: its refresh tokens and its access tokens')
    .argument('<grant>')
    .option('--json', 'print JSON')
    // One grant in 64 begins with a hyphen.
    .allowUnknownOption()
    .action(async (grant: string, options: { readonly json?: boolean }) => {
      const config = loadConfig();
      const family = await withStore(config, ({ refreshFamilies }) => refreshFamilies.find(grant));
      if (family === undefined) throw new CommandError(`There is no session ${grant}.`);
      await revoke(config, { kind: 'grant', id: grant }, options.json === true);
    });
}

async function findFamilies(config: Config, options: ListOptions): Promise<readonly RefreshFamily[]> {
  const subject = options.subject === undefined ? undefined : await resolveSubject(config, options.subject);
  const filter = {
    ...(subject !== undefined && { subject }),
    ...(options.client !== undefined && { clientHash: sha256(options.client) }),
  };
  const rules = { idleLifetime: config.lifetimes.refreshIdle, now: systemClock() };
  return withStore(config, (store) => findLiveFamilies(store, filter, rules));
}

function describeFamily(
  family: RefreshFamily,
  names: ReadonlyMap<string, string>,
  asJson: boolean,
): Record<string, string | number> {
  const { familyId, subject, clientName, clientHash, scope, resource, createdAt, usedAt, expiresAt } = family;
  const username = names.get(subject);
  const moment = (at: number) => (asJson ? at : formatMoment(at));
  return {
    grant: familyId,
    ...(asJson ? { subject, ...(username !== undefined && { username }) } : { person: username ?? subject }),
    client: clientName,
    ...(asJson && { clientHash }),
    resource,
    scope,
    [momentColumn('created', asJson)]: moment(createdAt),
    [momentColumn('lastUsed', asJson)]: moment(usedAt),
    [momentColumn('expires', asJson)]: moment(expiresAt),
  };
}
