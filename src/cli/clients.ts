import type { Command } from 'commander';
import { sha256, systemRandom } from '../platform/index.ts';
import { print } from './output.ts';

/** `clients secret` and `clients initial-access-token`: secrets of which the configuration holds the hash. */
export function addClientCommands(program: Command): void {
  const clients = program
    .command('clients')
    .description('Clients written into the configuration, and who may register others');
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
  clients
    .command('initial-access-token')
    .description('Make a token without which nobody registers, and its hash for registration.initialAccessTokenHashes')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => {
      const token = systemRandom(32);
      const hash = sha256(token);
      if (options.json === true) print(JSON.stringify({ initial_access_token: token, hash }));
      else
        print(
          `initial access token (for who registers clients, shown this once): ${token}\nits hash (for the configuration): ${hash}`,
        );
    });
}
