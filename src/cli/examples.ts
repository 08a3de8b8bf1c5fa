import type { Command } from 'commander';

/** What people type, by command; shown by its help and on docs/command-line.md. */
export const EXAMPLES: Readonly<Record<string, readonly (readonly [command: string, what: string])[]>> = {
  'users add': [
    ['guardmint users add alice', 'asks for the password'],
    ['guardmint users add alice --generate', 'makes one and prints it'],
    ['pass show alice | guardmint users add alice --password-stdin', 'takes it from a program'],
  ],
  'users disable': [['guardmint users disable alice', 'signs alice out everywhere']],
  'clients secret': [['guardmint clients secret --json | jq -r .client_secret_hash', 'the part for the configuration']],
  'clients initial-access-token': [
    ['guardmint clients initial-access-token --json | jq -r .hash', 'the part for the configuration'],
  ],
  'keys list': [['guardmint keys list --json | jq \'.[] | select(.state == "active")\'', 'what is in force']],
  'keys rotate': [
    ['guardmint keys rotate --dry-run', 'what would happen, and when'],
    ['guardmint keys rotate --emergency 8fJk2LqX --watermark', 'a key was stolen: it and all it made end now'],
  ],
  'keys import': [['guardmint keys import signing.pem --alg RS256 --dry-run', 'looks at the file only']],
  'tokens revoke': [
    ['guardmint tokens revoke --subject alice', 'everything alice holds, in every client'],
    ['guardmint tokens revoke --grant 2DK2iREklWfeRQLN9R0zBQ', 'one sign-in of one client; sessions list has the id'],
    ['guardmint tokens revoke --jti AcDpNI1m-XoHzdhlZpPpEQ', 'one access token; its refresh token goes on'],
    ['guardmint tokens revoke --all --yes', 'everybody signs in again'],
  ],
  'tokens inspect': [
    ['pbpaste | guardmint tokens inspect -', 'keeps the token out of the shell history'],
    ['guardmint tokens inspect - --json <token.txt | jq .accepted', 'for a script'],
  ],
  'sessions list': [
    ['guardmint sessions list --subject alice', 'where alice is signed in'],
    ["guardmint sessions list --json | jq -r '.[].grant'", 'the ids alone'],
  ],
  'sessions revoke': [['guardmint sessions revoke 2DK2iREklWfeRQLN9R0zBQ', 'one sign-in of one client']],
  'denylist list': [['guardmint denylist list --json | jq length', 'how many entries are live']],
  login: [
    ['guardmint login --resource http://localhost:4001/mcp', 'does sign-in work? the token ends at once'],
    [
      'guardmint login --issuer https://auth.example.com --resource https://mcp.example.com/mcp',
      'any server, no settings',
    ],
    ['TOKEN=$(guardmint login --print-token)', 'a token to try something with; it lives for minutes'],
    ['guardmint login --json | jq .claims', 'for a script'],
  ],
  'config check': [['GUARDMINT_CONFIG=new.json guardmint config check', 'before the server sees it']],
};

/** Adds its examples to the help of each command. */
export function showExamples(program: Command): void {
  for (const [name, examples] of Object.entries(EXAMPLES)) {
    const command = name
      .split(' ')
      .reduce<Command | undefined>((parent, word) => parent?.commands.find((child) => child.name() === word), program);
    if (command === undefined) throw new Error(`there is no command ${name}`);
    const lines = examples.map(([line, what]) => `  ${line}\n      ${what}`);
    command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
  }
}
