import type { Command } from 'commander';
import { sha256, systemRandom } from '../platform/index.ts';
import { print } from './output.ts';

/** `clients secret`: what a configured confidential client needs. */
export function addClientCommands(program: Command): void {
  const clients = program.command('clients').description('Clients written into the configuration');
  clients
    .command('secret')
    .description('Make a client secret, and the client_secret_hash for the configuration')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => {
      const secret = systemRandom(32);
      const hash = sha256(secret);
      if (options.json === true) print(JSON.stringify({ client_secret: secret, client_secret_hash: hash }));
      else
        print(
          `client_secret (for the client, shown this once): ${secret}\nclient_secret_hash (for the configuration): ${hash}`,
        );
    });
}
