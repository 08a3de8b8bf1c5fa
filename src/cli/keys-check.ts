import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, ConfigError } from '../config/index.ts';
import { CLOCK_SKEW, findLineFaults, type KeyFileProtection, type LineFault } from '../keys/index.ts';
import { checkKeySettings, findUnpublishedKeyFault } from '../server/index.ts';
import { EXIT } from './failure.ts';
import { type CommandKeys, readKeys } from './keys-folder.ts';
import { storeFindings } from './keys-location.ts';
import { print } from './output.ts';

/** Something `keys check` found. A `fault` needs a person; a `note` may be meant. */
interface Finding {
  readonly level: 'fault' | 'note';
  readonly file?: string;
  readonly reason: string;
  readonly advice: string;
}

const REASONS: Readonly<Record<string, string>> = {
  open_to_others: 'others may read it: chmod 600, and revoke the key if somebody may have',
  foreign_owner: 'belongs to another user: chown it to the user of the server',
  permission_denied: 'cannot be read: chown it to the user of the server',
  not_a_file: 'is a link, a directory or a device: put the file itself there',
  too_large: 'is too large for a key',
  malformed_json: 'is torn or no JSON: take it from a backup, or remove it',
  foreign_file: 'is no key of ours: move it elsewhere',
  unknown_version: 'was written by a later version of guardmint',
  slot_mismatch: 'was copied or renamed: its name contradicts its content',
  duplicate_kid: 'is a copy of another file: remove it',
  not_encrypted: 'lies in clear although there is a secret: keys rewrap, if you know where it comes from',
  secret_missing: 'is encrypted, and GUARDMINT_KEYS_SECRET is not set',
  secret_unknown: 'is encrypted under a secret that is not among those of GUARDMINT_KEYS_SECRET',
  decryption_failed: 'was changed without the secret: take it from a backup',
  malformed_keystore: 'is no keystore of node-jose with a key that can sign',
  kid_not_in_keystore: 'does not have the kid that keys.backend.kid names',
  binding_mismatch: 'was edited, swapped or put together from two: take it from a backup',
};

const LINE_FAULTS: Readonly<Record<LineFault['fault'], string>> = {
  no_active_key: 'no key is in force; a running server makes one',
  no_next_key: 'the next key is due and nobody made it; is a server running that may write to the folder?',
  rotation_overdue: 'has been in force beyond its time; is a server running that may write to the folder?',
  clock_behind: 'was made in the future; the clock of this machine, or of another instance, is wrong',
};

/** `keys check`: looks for what is wrong with the folder, and tells what to do. Answers the exit code. */
export async function checkKeys(config: Config, asJson: boolean): Promise<number> {
  const findings = [...settingsFindings(config), ...(await folderFindings(config))];
  const hasFaults = findings.some(({ level }) => level === 'fault');
  if (asJson) print(JSON.stringify({ ok: !hasFaults, findings }));
  else {
    for (const { level, file, advice } of findings) print(`${level}: ${file === undefined ? '' : `${file} `}${advice}`);
    print(hasFaults ? `${config.keysDir} needs attention.` : `${config.keysDir} is in order.`);
  }
  return hasFaults ? EXIT.failed : EXIT.clean;
}

function settingsFindings(config: Config): Finding[] {
  try {
    checkKeySettings(config);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ setting, fault }) => ({
      level: 'fault',
      reason: 'setting_refused',
      advice: `${setting}: ${fault}`,
    }));
  }
}

async function folderFindings(config: Config): Promise<Finding[]> {
  const folder = await stat(config.keysDir).catch(() => undefined);
  if (folder === undefined)
    return [{ level: 'note', reason: 'no_folder', advice: `${config.keysDir} is not there; the first start makes it` }];
  const findings: Finding[] = [];
  const keys = await readKeys(config);
  const isWritable = await keys.backend.isWritable();
  if (!isWritable)
    findings.push({
      level: 'note',
      file: config.keysDir,
      reason: 'read_only',
      advice: 'cannot be written from here: another instance, or a command run elsewhere, must rotate',
    });
  // The mode of a mounted volume is nobody's to change, and nothing can be put into it.
  else findings.push(...openFolderFindings(config.keysDir, folder.mode, (await stat(config.keysDir)).mode));
  findings.push(...(await fileFindings(keys)), ...lineFindings(keys), ...(await leftoverFindings(keys)));
  findings.push(...(await storeFindings(keys)));
  const fault = findUnpublishedKeyFault(config, keys.settled);
  if (fault !== undefined)
    findings.push({ level: 'fault', reason: 'setting_refused', advice: `keys.postQuantum: ${fault}` });
  return findings;
}

/** Reading closes a folder that is open, where it may. */
function openFolderFindings(file: string, before: number, after: number): Finding[] {
  if (process.platform === 'win32' || (before & 0o077) === 0) return [];
  const mode = (before & 0o777).toString(8);
  return (after & 0o077) === 0
    ? [{ level: 'note', file, reason: 'folder_was_open', advice: `had mode ${mode} and was closed` }]
    : [{ level: 'fault', file, reason: 'folder_open', advice: `has mode ${mode}: chmod 700` }];
}

async function fileFindings({ backend, config, unreadable }: CommandKeys): Promise<Finding[]> {
  const clear: KeyFileProtection[] = config.keysSecret === undefined ? [] : ['clear', 'previous'];
  const outdated = [...(await backend.protections())].filter(([, protection]) => clear.includes(protection));
  return [
    ...unreadable.map(({ slot, reason }) => ({
      level: 'fault' as const,
      file: slot,
      reason,
      advice: REASONS[reason] ?? `is no usable key (${reason})`,
    })),
    ...outdated.map(([file, protection]) => ({
      level: 'note' as const,
      file,
      reason: protection === 'clear' ? 'in_clear' : 'previous_secret',
      advice: `${protection === 'clear' ? 'lies in clear' : 'is under an older secret'}: keys rewrap`,
    })),
  ];
}

function lineFindings({ backend, config, records, unreadable, now }: CommandKeys): Finding[] {
  if (records.length === 0 && unreadable.length === 0)
    return [{ level: 'note', reason: 'no_keys', advice: 'There are no keys yet; the first start makes them' }];
  const faults = findLineFaults(records, now, config.keys.timings).filter(
    ({ family, fault }) => fault === 'no_active_key' || backend.fixedFamilies?.has(family) !== true,
  );
  return faults.map(({ family, fault, kid }) => ({
    level: 'fault',
    file: `${family}${kid === undefined ? '' : ` key ${kid}`}:`,
    reason: fault,
    advice: LINE_FAULTS[fault],
  }));
}

/** What a killed process left, and files from a clock that is ahead of ours. */
async function leftoverFindings({ config, now }: CommandKeys): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const file of await readdir(config.keysDir)) {
    const stats = await lstat(join(config.keysDir, file)).catch(() => undefined);
    if (stats === undefined) continue;
    const written = stats.mtimeMs / 1000;
    if (written > now + CLOCK_SKEW)
      findings.push({
        level: 'fault',
        file,
        reason: 'clock_behind',
        advice: 'was written in the future: the clock of this machine, or of another instance, is wrong',
      });
    if (file.startsWith('.new-') && now - written > 600)
      findings.push({
        level: 'note',
        file,
        reason: 'left_behind',
        advice: 'was left by a process that was killed; it goes away with the next key that is made',
      });
  }
  return findings;
}
