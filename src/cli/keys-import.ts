import { readFile, stat } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Config } from '../config/index.ts';
import {
  type ImportedKey,
  KeyImportError,
  type KeyImportOptions,
  NodeJoseError,
  parseImportedKeys,
  scheduleNext,
} from '../keys/index.ts';
import { CommandError } from './failure.ts';
import { type CommandKeys, nextEpoch, readKeptKeys, readKeys, requireOwnKeys } from './keys-folder.ts';
import { formatMoment, print } from './output.ts';

/** Switches of `keys import`. */
export interface ImportOptions {
  readonly format?: NonNullable<KeyImportOptions['format']>;
  readonly alg?: 'RS256' | 'PS256';
  readonly passphraseStdin?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface TakenIn {
  readonly kid: string;
  readonly formerKid?: string;
  readonly alg: string;
  readonly file?: string;
  readonly activateAt: number;
}

/**
 * `keys import`: takes signing keys of a file in as next keys, with the ordinary lead; several take their turns. A key
 * that is here already is left out.
 */
export async function importKeys(config: Config, path: string, options: ImportOptions): Promise<void> {
  const { keys: found, skipped } = await readImport(path, options);
  // Without a key in force the imported one would be used at once, by nobody known.
  const keys = await (options.dryRun === true ? readKeys(config) : readKeptKeys(config));
  requireOwnKeys(keys, 'signing');
  if (!config.keys.postQuantum && found.some(({ alg }) => alg === 'ML-DSA-44'))
    throw new CommandError('The file holds an ML-DSA-44 key, and keys.postQuantum is off.');
  const isHere = ({ kid }: ImportedKey) => keys.records.some((record) => record.kid === kid);
  const known = found.filter(isHere).map(({ kid }) => ({ name: kid, reason: 'duplicate_kid' }));
  const taken: TakenIn[] = [];
  for (const key of found.filter((one) => !isHere(one))) taken.push(await takeIn(keys, key, taken.length, options));
  const isOpen = ((await stat(path)).mode & 0o077) !== 0;
  const leftOut = [...skipped, ...known];
  if (options.json === true) {
    print(JSON.stringify({ keys: taken, skipped: leftOut, dryRun: options.dryRun === true }));
    return;
  }
  for (const { kid, formerKid, alg, file, activateAt } of taken) {
    const where = file === undefined ? '' : ` as ${file}`;
    const former = formerKid === undefined ? '' : ` (it was ${formerKid}; tokens that name it are not verified here)`;
    print(
      `${options.dryRun === true ? 'Would import' : 'Imported'} ${alg} ${kid}${former}${where}; ` +
        `published now, in force at ${formatMoment(activateAt)} UTC.`,
    );
  }
  for (const { name, reason } of leftOut) print(`Left out ${name}: ${reason}.`);
  if (taken.length > 0 && options.dryRun !== true)
    print(`${path} still holds private keys${isOpen ? ', and others may read it' : ''}: delete it.`);
}

async function readImport(path: string, options: ImportOptions): ReturnType<typeof parseImportedKeys> {
  const content = await readFile(path, 'utf8').catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new CommandError(`${path} cannot be read${code}.`);
  });
  const passphrase = options.passphraseStdin === true ? (await text(process.stdin)).split(/\r?\n/)[0] : undefined;
  try {
    return await parseImportedKeys(content, {
      ...(options.format && { format: options.format }),
      ...(options.alg && { rsaAlg: options.alg }),
      ...(passphrase !== undefined && { passphrase }),
    });
  } catch (error) {
    if (error instanceof KeyImportError || error instanceof NodeJoseError) throw new CommandError(error.message);
    throw error;
  }
}

async function takeIn(
  keys: CommandKeys,
  { kid, formerKid, alg, privateJwk }: ImportedKey,
  turn: number,
  options: ImportOptions,
): Promise<TakenIn> {
  const { backend, config, now } = keys;
  const times = scheduleNext('signing', now, config.keys.timings, turn);
  const shown = { kid, ...(formerKid !== undefined && { formerKid }), alg, activateAt: times.activateAt };
  if (options.dryRun === true) return shown;
  const epoch = nextEpoch(keys, 'signing') + turn;
  const key = await backend.adopt({ family: 'signing', alg, epoch, times }, privateJwk);
  if (key === undefined)
    throw new CommandError('Another process made a key at this moment: run the same command again.');
  return { ...shown, file: key.slot };
}
