import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { formatMoment, momentColumn, printRows } from './output.ts';
import { withStore } from './store.ts';

/** `denylist list`: what is denied now, as every server and validator has it. */
export function addDenylistCommands(program: Command, loadConfig: () => Config): void {
  program
    .command('denylist')
    .description('What is denied')
    .command('list')
    .description('List the live entries, those that end last first')
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }) => {
      const asJson = options.json === true;
      const { entries } = await withStore(loadConfig(), ({ denylist }) => denylist.snapshot());
      const moment = (at: number) => (asJson ? at : formatMoment(at));
      const rows = [...entries]
        .sort((one, other) => other.expiresAt - one.expiresAt)
        .map(({ kind, id, issuedBefore, expiresAt }) => ({
          kind,
          id,
          ...(asJson && issuedBefore === undefined
            ? {}
            : { [momentColumn('issuedBefore', asJson)]: issuedBefore === undefined ? '' : moment(issuedBefore) }),
          [momentColumn('expires', asJson)]: moment(expiresAt),
        }));
      printRows(rows, asJson);
    });
}
