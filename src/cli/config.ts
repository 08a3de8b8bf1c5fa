import type { Command } from 'commander';
import { type Config, printableConfig } from '../config/index.ts';
import { checkKeySettings, openBranding, readRedisOptions } from '../server/index.ts';
import { print } from './output.ts';

/** `config check | print`: what the environment and the JSON file come to. */
export function addConfigCommands(program: Command, loadConfig: () => Config): void {
  const config = program.command('config').description('The settings in force');
  config
    .command('check')
    .description('Check the settings and list every problem')
    .action(async () => {
      const config = loadConfig();
      checkKeySettings(config);
      readRedisOptions(config);
      await openBranding(config);
      const { warnings, issuer } = config;
      for (const warning of warnings) print(`warning: ${warning}`);
      print(`The settings are usable. Issuer: ${issuer}`);
    });
  config
    .command('print')
    .description('Print the settings as JSON, with every default and no secret')
    .action(() => print(JSON.stringify(printableConfig(loadConfig()), null, 2)));
}
