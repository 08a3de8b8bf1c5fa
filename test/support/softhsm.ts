import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pkcs11Options } from '../../src/keys/pkcs11.ts';

const run = promisify(execFile);
const MODULES = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/pkcs11/libsofthsm2.so', '/usr/lib/libsofthsm2.so'];

/** A token of SoftHSM2 in a directory of its own. */
export interface SoftHsm extends AsyncDisposable {
  readonly options: Pkcs11Options;
  setPin(pin: string): Promise<void>;
  /** Takes the token away, as a cable that is pulled, and puts it back. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
}

export const PIN = '1234';

/** Why tests on SoftHSM2 cannot run here; `undefined` when they can. */
export const SOFTHSM_MISSING = missingReason();

function missingReason(): string | undefined {
  if (MODULES.every((path) => !existsSync(path))) return 'SoftHSM2 is not installed (apt-get install softhsm2)';
  return findPkcs11JsFault();
}

/** Why no PKCS #11 module can be loaded here. */
export function findPkcs11JsFault(): string | undefined {
  try {
    createRequire(import.meta.url)('pkcs11js');
    return undefined;
  } catch {
    return 'pkcs11js is not built here (npm ci leaves it out where there is no compiler)';
  }
}

/** Makes a token. The module finds it by the environment of this process, which is that of one test file. */
export async function createSoftHsm(label = 'guardmint-test'): Promise<SoftHsm> {
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-softhsm-'));
  const tokens = join(folder, 'tokens');
  const away = join(folder, 'away');
  const conf = join(folder, 'softhsm2.conf');
  await run('mkdir', ['-p', tokens]);
  await writeFile(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  process.env['SOFTHSM2_CONF'] = conf;
  const pins = ['--so-pin', '12345678', '--pin', PIN];
  await run('softhsm2-util', ['--init-token', '--free', '--label', label, ...pins]);
  const pinFile = join(folder, 'pin');
  await writeFile(pinFile, `${PIN}\n`);
  const [module = ''] = MODULES.filter((path) => existsSync(path));
  return {
    options: { module, tokenLabel: label, pinFile, sessions: 2, rsaBits: 2048 },
    setPin: (pin) => writeFile(pinFile, pin),
    unplug: () => rename(tokens, away),
    async plug() {
      if ((await readdir(folder)).includes('away')) await rename(away, tokens);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Kills the processes that this one started for PKCS #11 modules. */
export function killModuleHosts(): void {
  const pids = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)])
    .toString()
    .split('\n')
    .filter((line) => line.includes('module-host'))
    .map((line) => Number.parseInt(line, 10));
  for (const pid of pids) process.kill(pid, 'SIGKILL');
}
