import { type Command, Option } from 'commander';
import type { Config } from '../config/index.ts';
import type { KeyFamily } from '../keys/index.ts';
import { systemRandom } from '../platform/index.ts';
import { openKeyBackend } from '../server/index.ts';
import { CommandError, EXIT } from './failure.ts';
import { checkKeys } from './keys-check.ts';
import { type ImportOptions, importKeys } from './keys-import.ts';
import { initKeys } from './keys-init.ts';
import { exportJwks, listKeys, showKey } from './keys-list.ts';
import { type ChangeOptions, retireKey, revokeKey, rotateKey } from './keys-rotate.ts';
import { print, printOutcome } from './output.ts';

const FAMILIES: readonly KeyFamily[] = ['signing', 'sealing', 'client', 'refresh'];

interface Options {
  readonly json?: boolean;
}
interface RotateOptions extends ChangeOptions {
  readonly family: KeyFamily;
  readonly emergency?: string;
  readonly watermark?: boolean;
}

/** `keys …`: the keys folder of the configuration. Running servers notice every change by themselves. */
export function addKeyCommands(program: Command, loadConfig: () => Config): void {
  const keys = program.command('keys').description('Signing keys and secrets');

  withJson(
    keys.command('init').description('Make the first keys, and any that are due; a server does that by itself'),
  ).action((options: Options) => initKeys(loadConfig(), options.json === true));
  withJson(keys.command('list').description('List keys: state, age, next change, timeline')).action(
    (options: Options) => listKeys(loadConfig(), options.json === true),
  );
  withJson(withKid(keys.command('show').description('Show what may be known about a key'))).action(
    (kid: string, options: Options) => showKey(loadConfig(), kid, options.json === true),
  );
  keys
    .command('export-jwks')
    .description('Print the JWK Set as it is served')
    .option('--post-quantum', 'the set of ML-DSA-44 keys, which are in none other')
    .action((options: { readonly postQuantum?: boolean }) => exportJwks(loadConfig(), options.postQuantum === true));
  withJson(keys.command('check').description('Look for what is wrong with the keys folder')).action(
    async (options: Options) => {
      process.exitCode = await checkKeys(loadConfig(), options.json === true);
    },
  );
  withJson(keys.command('secret').description('Make a secret for GUARDMINT_KEYS_SECRET')).action((options: Options) => {
    const secret = systemRandom(32);
    print(options.json === true ? JSON.stringify({ keys_secret: secret }) : secret);
  });

  changing(keys.command('rotate').description('Bring the next key into force, as soon as everybody knows it'))
    .addOption(new Option('--family <family>', 'which keys').choices(FAMILIES).default('signing'))
    .option('--emergency <kid>', 'end this key at once, everywhere; what it made is refused')
    .option('--watermark', 'with --emergency: end everything that was issued until now')
    .action(async (options: RotateOptions) => {
      const { family, emergency, watermark } = options;
      if (emergency !== undefined) return await revokeKey(loadConfig(), emergency, options);
      if (watermark === true) throw new CommandError('--watermark goes with --emergency.', EXIT.usage);
      await rotateKey(loadConfig(), family, options);
    });
  changing(
    withKid(keys.command('retire').description('Remove a key that nothing needs any more ahead of its time')),
  ).action((kid: string, options: ChangeOptions) => retireKey(loadConfig(), kid, options));
  withJson(keys.command('import').description('Take in signing keys of a file; they come into force after the lead'))
    .argument('<file>', 'PEM (PKCS#8, SEC 1, PKCS#1, with certificates), JWK, JWK Set, or a keystore of node-jose')
    .addOption(new Option('--format <format>', 'found out when absent').choices(['pem', 'jwk', 'node-jose']))
    .addOption(new Option('--alg <alg>', 'of RSA keys that do not say').choices(['RS256', 'PS256']))
    .option('--passphrase-stdin', 'read the passphrase of an encrypted PEM from standard input')
    .option('--dry-run', 'change nothing')
    .action((file: string, options: ImportOptions) => importKeys(loadConfig(), file, options));
  withJson(keys.command('rewrap').description('Encrypt every key under the first line of GUARDMINT_KEYS_SECRET'))
    .option('--dry-run', 'change nothing')
    .action((options: ChangeOptions) => rewrapKeys(loadConfig(), options));
}

/** `keys rewrap`: also takes in keys in clear, wherever they may lie; whoever runs it vouches for them. */
async function rewrapKeys(config: Config, options: ChangeOptions): Promise<void> {
  if (config.keysSecret === undefined)
    throw new CommandError('GUARDMINT_KEYS_SECRET is not set; `guardmint keys secret` makes one.', EXIT.configuration);
  const backend = openKeyBackend(config, systemRandom, { acceptsClear: true });
  const { unreadable } = await backend.list();
  if (unreadable.length > 0) {
    const files = unreadable.map(({ slot, reason }) => `${slot} (${reason})`).join(', ');
    throw new CommandError(`Nothing was changed; these files cannot be read: ${files}`);
  }
  const outdated = [...(await backend.protections())].flatMap(([slot, how]) => (how === 'current' ? [] : [slot]));
  const written = options.dryRun === true ? outdated : await backend.rewrap();
  const verb = options.dryRun === true ? 'Would encrypt' : 'Encrypted';
  printOutcome(
    written.length === 0 ? 'Every key is under that secret already.' : `${verb} ${written.join(', ')}.`,
    { files: written, dryRun: options.dryRun === true },
    options.json === true,
  );
}

// A kid may begin with a hyphen; what is no option of the command is taken as one, and a second one is too many.
function withKid(command: Command): Command {
  return command.argument('<kid>').allowUnknownOption();
}

function withJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}

function changing(command: Command): Command {
  return withJson(command).option('--yes', 'do not ask').option('--dry-run', 'change nothing');
}
