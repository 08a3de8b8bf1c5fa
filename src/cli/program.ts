import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { addClientCommands } from './clients.ts';
import { addConfigCommands } from './config.ts';
import { addDenylistCommands } from './denylist.ts';
import { showExamples } from './examples.ts';
import { EXIT } from './failure.ts';
import { addKeyCommands } from './keys.ts';
import { addLoginCommand } from './login.ts';
import { addSessionCommands } from './sessions.ts';
import { addTokenCommands } from './tokens.ts';
import { addUserCommands } from './users.ts';

/** The version of the package this file is part of, compiled or not. */
function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return String(manifest.version);
}

/** The admin command line. Settings come from the same environment and file as the server's. */
export function createProgram(loadConfig: () => Config): Command {
  const program = new Command('guardmint')
    .description('Administer a guardmint authorization server')
    .version(readVersion(), '-V, --version', 'print the version')
    .showHelpAfterError('(add --help for help)')
    .exitOverride((exit) => {
      process.exit(exit.exitCode === 0 ? EXIT.clean : EXIT.usage);
    })
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 64 wrong usage, 78 configuration.');
  addUserCommands(program, loadConfig);
  addClientCommands(program);
  addKeyCommands(program, loadConfig);
  addTokenCommands(program, loadConfig);
  addSessionCommands(program, loadConfig);
  addDenylistCommands(program, loadConfig);
  addConfigCommands(program, loadConfig);
  addLoginCommand(program, loadConfig);
  showExamples(program);
  return program;
}
