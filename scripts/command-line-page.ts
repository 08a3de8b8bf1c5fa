import type { Command } from 'commander';
import { EXAMPLES } from '../src/cli/examples.ts';
import { createProgram } from '../src/cli/index.ts';

/** docs/command-line.md without its notice: every command as its help has it. */
export function commandLinePage(): string {
  const program = createProgram(() => {
    throw new Error('the page needs no settings');
  });
  return `# Command line

\`guardmint\` where the package is installed, \`npm run admin --\` in a clone, \`docker compose run --rm admin\` with
[docker-compose.yml](../docker-compose.yml). It reads the settings the server reads ([configuration.md](configuration.md)), from the same
environment and the same working directory, and works on the same keys, users and store; running servers notice every
change by themselves.

What is found is written to standard output, and what is asked or goes wrong to standard error. With \`--json\` a command
prints one JSON value; moments in it are seconds since 1970. In tables they are UTC.

| exit code | |
| --- | --- |
| 0 | done |
| 1 | not done: what was named is not there, or something is unavailable; or a check found something |
| 64 | wrong usage: nothing was done |
| 78 | the configuration cannot be used: nothing was done |

${program.commands.map((group) => groupSection(group)).join('\n')}`;
}

function groupSection(group: Command): string {
  if (group.commands.length === 0) return commandSection('##', group.name(), group);
  const sections = group.commands.map((command) => commandSection('###', `${group.name()} ${command.name()}`, command));
  return `## \`${group.name()}\`\n\n${group.description()}.\n\n${sections.join('\n')}`;
}

function commandSection(heading: '##' | '###', name: string, command: Command): string {
  const words = command.registeredArguments.map((argument) => `<${argument.name()}>`);
  const rows = [
    ...command.registeredArguments.map((argument) => [`<${argument.name()}>`, argument.description]),
    ...command.options.map((option) => [
      option.flags,
      [
        option.description,
        ...(option.argChoices === undefined ? [] : [option.argChoices.join(', ')]),
        ...(['string', 'number'].includes(typeof option.defaultValue) ? [`default: ${option.defaultValue}`] : []),
      ].join('; '),
    ]),
  ].map(([left = '', right = '']) => `| \`${left}\` | ${right} |`);
  const table = rows.length === 0 ? '' : `\n| | |\n| --- | --- |\n${rows.join('\n')}\n`;
  const examples = (EXAMPLES[name] ?? []).map(([line, what]) => `${line.padEnd(64)}  # ${what}`);
  const shown = examples.length === 0 ? '' : `\n\`\`\`\n${examples.join('\n')}\n\`\`\`\n`;
  return `${heading} \`${[name, ...words].join(' ')}\`\n\n${command.description()}.\n${table}${shown}`;
}
