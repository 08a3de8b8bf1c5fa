import { spawnSync } from 'node:child_process';

/** Why tests that drive this program cannot run, for their title; `undefined` when they can. */
export function programAbsent(name: string, versionFlag = '--version'): string | undefined {
  const { error } = spawnSync(name, [versionFlag], { stdio: 'ignore', timeout: 10_000 });
  return error === undefined ? undefined : `${name} is not installed`;
}
