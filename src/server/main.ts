import closeWithGrace from 'close-with-grace';
import { ConfigError, loadConfig } from '../config/index.ts';
import { KeysRefusedError } from '../keys/index.ts';
import { createGuardmint } from './create-guardmint.ts';

const EXIT_CONFIGURATION = 78;

/** Starts a server from the environment and runs it until a signal ends it. */
async function main(): Promise<void> {
  const config = loadConfig();
  const guardmint = await createGuardmint(config);
  closeWithGrace({ delay: 10_000, logger: false }, () => guardmint.close());
  // Before the ports are opened: where one is taken, the user is there all the same, and nobody would know the password.
  if (guardmint.firstUser !== undefined) {
    const { username, password } = guardmint.firstUser;
    process.stderr.write(
      `\n  guardmint is at ${config.issuer}\n` +
        `  A first user was made. Username: ${username}  Password: ${password}\n` +
        '  The password is shown this once. Change it with: npm run admin -- users passwd admin\n\n',
    );
  }
  await guardmint.listen();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  const isConfiguration = error instanceof ConfigError || error instanceof KeysRefusedError;
  process.exit(isConfiguration ? EXIT_CONFIGURATION : 1);
});
