/**
 * The whole story in one terminal: an authorization server and two MCP servers as processes of their own, a real MCP
 * client that registers, signs in and calls tools; then everything that must be refused.
 *
 *   npm run demo
 *   npm run demo -- --by-hand    # you are the person who signs in, with a browser on this machine or another
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs, styleText } from 'node:util';
import { authorizeByHand } from './by-hand.ts';
import { callTool, createMemory, present, signIn, type Tokens } from './mcp-client.ts';
import { createPerson, type Person } from './person.ts';

const { byHand } = parseOptions();
const root = new URL('..', import.meta.url).pathname;
const processes: ChildProcess[] = [];

/** Prints one step with the time it took. */
async function step<T>(title: string, work: () => Promise<T>, describe: (result: T) => string = () => ''): Promise<T> {
  const started = performance.now();
  const result = await work();
  const milliseconds = `${(performance.now() - started).toFixed(0)} ms`.padStart(8);
  console.log(`${styleText('green', '✓')} ${styleText('dim', milliseconds)}  ${title}${suffix(describe(result))}`);
  return result;
}

function suffix(text: string): string {
  return text === '' ? '' : styleText('dim', `  ${text}`);
}

function check(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`expected ${what}`);
}

function parseOptions(): { byHand: boolean } {
  const { values } = parseArgs({ options: { 'by-hand': { type: 'boolean', default: false } } });
  return { byHand: values['by-hand'] };
}

/** Whoever runs the demo, and a browser of theirs. */
function askPerson({ username, password }: { username: string; password: string }): Pick<Person, 'authorize'> {
  return {
    authorize(url) {
      console.error(`\nSign in as ${styleText('bold', username)} with the password ${styleText('bold', password)}`);
      return authorizeByHand(url);
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function start(file: string, env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [join(root, file)], { env: { ...process.env, ...env }, stdio: 'ignore' });
  processes.push(child);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

async function reachable(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const response = await fetch(url).catch(() => undefined);
    if (response !== undefined && response.status < 500) return;
    await pause(50);
  }
  throw new Error(`nothing answers at ${url}`);
}

async function postForm(
  url: string,
  form: Record<string, string>,
): Promise<{ status: number; body: Partial<Tokens> & { error?: string } }> {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form) });
  return { status: response.status, body: (await response.json()) as Partial<Tokens> & { error?: string } };
}

async function tell(folder: string): Promise<void> {
  const [port, managementPort, notesPort, calculatorPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ]);
  const issuer = `http://localhost:${port}`;
  const notes = `http://localhost:${notesPort}/mcp`;
  const calculator = `http://localhost:${calculatorPort}/mcp`;
  const env = {
    GUARDMINT_ISSUER: issuer,
    GUARDMINT_PORT: String(port),
    GUARDMINT_MANAGEMENT_PORT: String(managementPort),
    GUARDMINT_KEYS_DIR: join(folder, 'keys'),
    GUARDMINT_DATA_DIR: join(folder, 'data'),
    GUARDMINT_CONFIG: join(root, 'examples/no-settings.json'),
  };
  const password = randomBytes(15).toString('base64url');

  await step(
    'a user is added on the admin command line',
    () => addUser(env, 'demo', password),
    () => 'demo',
  );
  let server = start('src/server/main.ts', env);
  await step(
    'the authorization server is up',
    () => reachable(`http://localhost:${managementPort}/readyz`),
    () => issuer,
  );
  const example = 'examples/koa-mcp-server.ts';
  start(example, { ISSUER: issuer, RESOURCE: notes, SCOPE: 'notes:read', NAME: 'notes' });
  start(example, { ISSUER: issuer, RESOURCE: calculator, SCOPE: 'calculator:use', NAME: 'calculator' });
  await step(
    'two MCP servers are up',
    () => Promise.all([reachable(notes), reachable(calculator)]),
    () => `${notes}, ${calculator}`,
  );

  const person = byHand ? askPerson({ username: 'demo', password }) : createPerson({ username: 'demo', password });
  const toNotes = createMemory();
  const toCalculator = createMemory();
  const describeTokens = (tokens: Tokens) => `scope ${tokens.scope}, ${tokens.expires_in} s`;
  const notesTokens = await step(
    'the MCP client finds the server, registers and signs in to notes',
    () => signIn(notes, toNotes, person),
    describeTokens,
  );
  const calculatorTokens = await step(
    '… and to calculator, without the password: only consent',
    () => signIn(calculator, toCalculator, person),
    describeTokens,
  );
  await step(
    'a tool answers on notes',
    () => callTool(notes, toNotes),
    (text) => text,
  );
  await step(
    'a tool answers on calculator',
    () => callTool(calculator, toCalculator),
    (text) => text,
  );

  await step(
    'the token of notes is refused by calculator, and the other way round',
    async () => {
      const answers = await Promise.all([
        present(calculator, notesTokens.access_token),
        present(notes, calculatorTokens.access_token),
      ]);
      check(
        answers.every((answer) => answer.status === 401),
        'both to be refused with 401',
      );
      return answers[0];
    },
    (answer) => `${answer.status} ${answer.challenge.slice(0, 40)}…`,
  );

  await step('the authorization server is stopped', () => stop(server));
  await step(
    'tools still answer: validation needs no network',
    () => callTool(notes, toNotes),
    (text) => text,
  );
  server = start('src/server/main.ts', env);
  await step('the authorization server is back, with the same keys and state', () =>
    reachable(`http://localhost:${managementPort}/readyz`),
  );

  const client_id = toNotes.kept.client?.client_id ?? '';
  const refresh = (refresh_token: string) =>
    postForm(`${issuer}/token`, { grant_type: 'refresh_token', refresh_token, client_id });
  const refreshed = await step('the refresh token buys a new pair', () => refresh(notesTokens.refresh_token));
  check(refreshed.status === 200, 'a new pair');
  await step('its answer was lost? the same token gets the same successor', async () => {
    const again = await refresh(notesTokens.refresh_token);
    check(again.body.refresh_token === refreshed.body.refresh_token, 'the same successor');
  });
  const last = refreshed.body.refresh_token ?? '';
  const accessToken = refreshed.body.access_token ?? '';
  check((await present(notes, accessToken)).status !== 401, 'its access token to be accepted');
  await step('the client gives its token back', async () => {
    const revoked = await postForm(`${issuer}/revoke`, { client_id, token: last });
    check(revoked.status === 200, 'the revocation to be acknowledged');
  });
  await step(
    'from then until the MCP server, which asks nobody, refuses the access token of that grant',
    () => refusedAt(notes, accessToken),
    (answer) => `${answer.status} ${answer.challenge.slice(0, 40)}…`,
  );
  await step(
    'the refresh token is dead',
    () => refresh(last),
    (answer) => `${answer.status} ${answer.body.error}`,
  ).then((answer) => check(answer.body.error === 'invalid_grant', 'invalid_grant'));
}

/** Presents a token again and again until it is refused: the revocation has arrived. */
async function refusedAt(resource: string, token: string): Promise<{ status: number; challenge: string }> {
  for (let attempt = 0; attempt < 10_000; attempt++) {
    const answer = await present(resource, token);
    if (answer.status === 401) return answer;
    await pause(1);
  }
  throw new Error('the revocation did not arrive');
}

async function addUser(env: Record<string, string>, username: string, password: string): Promise<void> {
  const args = [join(root, 'src/cli/main.ts'), 'users', 'add', username, '--password-stdin'];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin.end(`${password}\n`);
  const code = await new Promise((resolve) => child.once('exit', resolve));
  check(code === 0, 'the user to be added');
}

const folder = await mkdtemp(join(tmpdir(), 'guardmint-demo-'));
const started = performance.now();
try {
  await tell(folder);
  console.log(`\nAll of it worked, in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
} catch (error) {
  console.error(`${styleText('red', '✗')} ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await Promise.all(processes.map(stop));
  await rm(folder, { recursive: true, force: true });
}
