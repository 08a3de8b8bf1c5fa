import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { sha256, systemClock } from '../platform/index.ts';
import { denylistKeys, isDenied, type RefreshFamily } from '../tokens/index.ts';
import { CommandError } from './failure.ts';
import { formatMoment, printRows } from './output.ts';
import { revoke } from './revocation.ts';
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

/** Those that would be refreshed if their token came now: neither idle for too long nor under a watermark. */
async function findFamilies(config: Config, options: ListOptions): Promise<readonly RefreshFamily[]> {
  const subject = options.subject === undefined ? undefined : await resolveSubject(config, options.subject);
  const filter = {
    ...(subject !== undefined && { subject }),
    ...(options.client !== undefined && { clientHash: sha256(options.client) }),
  };
  return withStore(config, async ({ refreshFamilies, denylist }) => {
    const idleSince = systemClock() - config.lifetimes.refreshIdle;
    const listed = (await refreshFamilies.list(filter)).filter(({ usedAt }) => usedAt > idleSince);
    const things = listed.map((family) => ({
      family,
      thing: {
        grantId: family.familyId,
        subject: family.subject,
        clientHash: family.clientHash,
        issuedAt: family.createdAt,
      },
    }));
    const entries = await denylist.match(things.flatMap(({ thing }) => denylistKeys(thing)));
    const denials = new Map(entries.map((entry) => [`${entry.kind}:${entry.id}`, entry]));
    return things
      .filter(({ thing }) => {
        const own = denylistKeys(thing).flatMap(({ kind, id }) => denials.get(`${kind}:${id}`) ?? []);
        return !isDenied(thing, own);
      })
      .map(({ family }) => family);
  });
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
    created: moment(createdAt),
    lastUsed: moment(usedAt),
    expires: moment(expiresAt),
  };
}
