import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { requireConfirmation } from './confirmation.ts';
import { CommandError, EXIT } from './failure.ts';
import { type Revocation, revoke } from './revocation.ts';
import { resolveSubject } from './subject.ts';
import { inspectToken } from './tokens-inspect.ts';

interface RevokeOptions {
  readonly jti?: string;
  readonly grant?: string;
  readonly subject?: string;
  readonly client?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}
interface InspectOptions {
  readonly jwks?: string;
  readonly json?: boolean;
}

/** `tokens revoke | inspect`: access tokens, one, many or all of them. */
export function addTokenCommands(program: Command, loadConfig: () => Config): void {
  const tokens = program.command('tokens').description('Access tokens');

  tokens
    .command('revoke')
    .description('Revoke, for every server and validator at once: one of the following')
    .option('--jti <jti>', 'one access token alone')
    .option('--grant <gid>', 'one grant: its refresh tokens and every access token of it')
    .option('--subject <subject>', 'everything issued to a person until now, by subject or username')
    .option('--client <client_id>', 'everything issued to a client until now, on every device it runs on')
    .option('--all', 'everything issued to anybody until now')
    .option('--yes', 'with --all: do not ask')
    .option('--json', 'print JSON')
    .action(async (options: RevokeOptions) => {
      const config = loadConfig();
      const revocation = await readRevocation(config, options);
      if (revocation.kind === 'all')
        await requireConfirmation('Ends every token, grant and sign-in of everybody. This cannot be undone.', options);
      await revoke(config, revocation, options.json === true);
    });

  tokens
    .command('inspect')
    .description('Show what an access token says, and whether it is accepted')
    .argument('<jwt>', 'the token, or - to read it from standard input')
    .option('--jwks <file>', 'verify with this JWK Set instead of the keys folder')
    .option('--json', 'print JSON')
    .action((jwt: string, options: InspectOptions) => inspectToken(loadConfig(), jwt, options));
}

async function readRevocation(config: Config, options: RevokeOptions): Promise<Revocation> {
  const { jti, grant, subject, client, all } = options;
  const given = [jti, grant, subject, client, all].filter((value) => value !== undefined);
  if (given.length !== 1 || given[0] === '')
    throw new CommandError('Give one of --jti, --grant, --subject, --client and --all.', EXIT.usage);
  if (jti !== undefined) return { kind: 'jti', id: requireIdentifier('--jti', jti) };
  if (grant !== undefined) return { kind: 'grant', id: requireIdentifier('--grant', grant) };
  if (subject !== undefined) return { kind: 'subject', id: await resolveSubject(config, subject) };
  return client === undefined ? { kind: 'all' } : { kind: 'client', clientId: client };
}

/** A token in its place would be written down as something that no token has. */
function requireIdentifier(option: string, value: string): string {
  if (/^[A-Za-z0-9_-]{1,256}$/.test(value)) return value;
  throw new CommandError(`${option} takes the value of the claim, not a token: see tokens inspect.`, EXIT.usage);
}
