import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Pkcs11Options } from '../../src/keys/pkcs11.ts';
import { findPkcs11JsFault } from './softhsm.ts';

const run = promisify(execFile);
const MODULES = ['x86_64', 'aarch64'].map((cpu) => `/usr/lib/${cpu}-linux-gnu/pkcs11/libtpm2_pkcs11.so`);
const PROGRAMS = ['swtpm', 'tpm2-abrmd', 'tpm2_ptool', 'dbus-daemon'];
const ATTEMPTS = 20;

/** Why tests on a TPM cannot run here; `undefined` when they can. */
export const TPM_MISSING = missingReason();

function missingReason(): string | undefined {
  const missing = PROGRAMS.filter((name) => spawnSync('which', [name]).status !== 0);
  if (missing.length > 0 || MODULES.every((path) => !existsSync(path)))
    return 'swtpm, tpm2-abrmd, dbus, libtpm2-pkcs11-1 and libtpm2-pkcs11-tools are not all installed';
  if (MODULES.every((path) => !existsSync(path.replace('pkcs11/libtpm2_pkcs11.so', 'libtss2-tcti-tabrmd.so.0'))))
    return 'libtss2-tcti-tabrmd0 is not installed';
  return findPkcs11JsFault();
}

/** A token of a software TPM behind its resource manager, by another vendor's PKCS #11 module than SoftHSM2. */
export async function startTpm(): Promise<AsyncDisposable & { readonly options: Pkcs11Options }> {
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-tpm-'));
  const store = join(folder, 'store');
  const state = join(folder, 'state');
  await mkdir(store);
  await mkdir(state);
  const started: ChildProcess[] = [];
  const start = (program: string, ...args: string[]): ChildProcess => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    started.push(child);
    return child;
  };
  const stop = async (): Promise<void> => {
    for (const child of started.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const bus = start('dbus-daemon', '--session', '--nofork', '--print-address=1');
    const [address] = await once(createInterface({ input: bus.stdout! }), 'line');
    const port = await freePortPair();
    const server = ['--ctrl', `type=tcp,port=${port + 1}`, '--server', `type=tcp,port=${port}`];
    start('swtpm', 'socket', '--tpm2', '--tpmstate', `dir=${state}`, ...server, '--flags', 'not-need-init');
    process.env['DBUS_SESSION_BUS_ADDRESS'] = String(address);
    process.env['TPM2_PKCS11_TCTI'] = 'tabrmd:bus_type=session';
    process.env['TPM2TOOLS_TCTI'] = 'tabrmd:bus_type=session';
    process.env['TPM2_PKCS11_STORE'] = store;
    const tcti = `--tcti=swtpm:host=127.0.0.1,port=${port}`;
    for (let attempt = 1; ; attempt++) {
      // It ends at once when the TPM does not listen yet.
      const manager = start('tpm2-abrmd', '--session', '--allow-root', tcti);
      try {
        await run('tpm2_ptool', ['init', '--path', store]);
        break;
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        manager.kill('SIGKILL');
      }
    }
    const pins = ['--userpin', '1234', '--sopin', '12345678'];
    await run('tpm2_ptool', ['addtoken', '--pid', '1', '--label', 'guardmint-tpm', ...pins, '--path', store]);
    const pinFile = join(folder, 'pin');
    await writeFile(pinFile, '1234\n');
    const module = MODULES.find((path) => existsSync(path)) ?? '';
    return {
      options: { module, tokenLabel: 'guardmint-tpm', pinFile, sessions: 2, rsaBits: 2048 },
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A port that is free together with the one above it, where the TPM is controlled. */
async function freePortPair(): Promise<number> {
  for (;;) {
    const first = createServer().listen(0, '127.0.0.1');
    await once(first, 'listening');
    const address = first.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const second = createServer().listen(port + 1, '127.0.0.1');
    const isFree = await once(second, 'listening').then(
      () => true,
      () => false,
    );
    first.close();
    second.close();
    if (isFree) return port;
  }
}
