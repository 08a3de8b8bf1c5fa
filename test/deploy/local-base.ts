import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const COMMANDS =
  'sh ln mkdir chown chmod head base64 tr sha256sum sed mv cat dirname cut grep ls env id rm sleep'.split(' ');

/**
 * A root for a base image, where no registry of images can be reached: Node and npm of this machine, a shell and the few
 * commands the Dockerfile and its scripts use, with the libraries they are linked to.
 */
export function makeBaseRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'guardmint-base-'));
  const place = (from: string, to: string) => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(realpathSync(from), join(root, to));
  };
  const output = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' }).trim();
  const libraries = new Set(['libnss_dns.so.2', 'libnss_files.so.2'].map((name) => `/lib/x86_64-linux-gnu/${name}`));
  const placeProgram = (from: string, to: string) => {
    place(from, to);
    for (const [library] of output('ldd', realpathSync(from)).matchAll(/\/\S+/g)) libraries.add(library);
  };

  for (const name of COMMANDS) placeProgram(output('sh', '-c', `command -v ${name}`), `bin/${name}`);
  placeProgram(process.execPath, 'usr/local/bin/node');
  for (const library of libraries) if (existsSync(library)) place(library, library);
  const npm = dirname(dirname(realpathSync(output('sh', '-c', 'command -v npm'))));
  cpSync(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  for (const folder of ['tmp', 'root', 'proc', 'dev', 'sys', 'var', 'etc', 'run', 'usr/bin'])
    mkdirSync(join(root, folder), { recursive: true });
  symlinkSync('/bin/env', join(root, 'usr/bin/env'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  return root;
}
