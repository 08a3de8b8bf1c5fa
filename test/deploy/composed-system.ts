import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort, serverProgram } from '../support/redis-server.ts';

const TOP = new URL('../../', import.meta.url).pathname;

/** One process of the system, its output kept. */
export interface Part {
  readonly child: ChildProcess;
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** What docker-compose.yml describes, as processes of this machine over the same files. */
export interface ComposedSystem extends AsyncDisposable {
  /** Where its volumes are. */
  readonly folder: string;
  readonly issuer: string;
  readonly notes: string;
  readonly calculator: string;
  /** What the preparation said, the password of the first user with it. */
  readonly prepared: string;
  readonly replicas: readonly Part[];
  /** Starts the replica of this place again. */
  restart(index: number): Promise<void>;
  /** Runs the admin command line and answers what it prints. @throws Error when it fails. */
  admin(...args: string[]): Promise<string>;
  /** Runs the preparation again. */
  prepare(): Promise<string>;
}

/** Starts everything in the order of docker-compose.yml. Ports, addresses and folders are the only things replaced. */
export async function startComposedSystem(): Promise<ComposedSystem> {
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-composed-'));
  const parts: Part[] = [];
  const ports = await Promise.all(Array.from({ length: 10 }, () => freePort()));
  const [edge = 0, notesEdge = 0, calculatorEdge = 0, notes = 0, calculator = 0, redis = 0, ...ofReplicas] = ports;

  /** A file of deploy/ for this machine. @throws Error when something it should replace is not in it. */
  function adapt(file: string, replacements: Readonly<Record<string, string>>): string {
    let text = readFileSync(join(TOP, 'deploy', file), 'utf8');
    for (const [from, to] of Object.entries(replacements)) {
      if (!text.includes(from)) throw new Error(`deploy/${file} has no ${JSON.stringify(from)}`);
      text = text.replaceAll(from, to);
    }
    const adapted = join(folder, file);
    writeFileSync(adapted, text);
    return adapted;
  }

  function start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Part {
    const inherited = { PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}`, HOME: folder };
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...inherited, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    child.on('error', () => {});
    const part: Part = {
      child,
      output: () => output,
      async stop(signal = 'SIGTERM') {
        if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
        const ended = once(child, 'exit');
        child.kill(signal);
        await ended;
      },
    };
    parts.push(part);
    return part;
  }

  async function run(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
    const part = start(program, args, env);
    await once(part.child, 'close');
    if (part.child.exitCode !== 0) throw new Error(`${program} ${args.join(' ')}: ${part.output()}`);
    return part.output();
  }

  async function whenHealthy(part: Part, isHealthy: () => Promise<boolean>): Promise<void> {
    const deadline = AbortSignal.timeout(30_000);
    while (!(await isHealthy().catch(() => false))) {
      if (deadline.aborted || part.child.exitCode !== null) throw new Error(`not healthy: ${part.output()}`);
      await pause(25);
    }
  }
  const answers = async (url: string, status: number) => (await fetch(url)).status === status;

  for (const name of ['bin', 'secrets', 'redis-users', 'redis', 'keys', 'data']) mkdirSync(join(folder, name));
  for (const name of ['keys', 'data', 'secrets']) chmodSync(join(folder, name), 0o700);
  const guardmint = join(folder, 'bin', 'guardmint');
  writeFileSync(guardmint, `#!/bin/sh\nexec "${process.execPath}" "${join(TOP, 'src/cli/main.ts')}" "$@"\n`);
  chmodSync(guardmint, 0o755);
  const config = adapt('guardmint.json', {
    'localhost:8080': `localhost:${edge}`,
    'localhost:8091': `localhost:${notesEdge}`,
    'localhost:8092': `localhost:${calculatorEdge}`,
  });
  const settings = {
    GUARDMINT_CONFIG: config,
    GUARDMINT_KEYS_DIR: join(folder, 'keys'),
    GUARDMINT_DATA_DIR: join(folder, 'data'),
    GUARDMINT_KEYS_SECRET_FILE: join(folder, 'secrets/keys-secret'),
    GUARDMINT_REDIS_URL_FILE: join(folder, 'secrets/redis-url'),
  };
  const prepare = () =>
    run('sh', [join(TOP, 'deploy/prepare.sh')], {
      ...settings,
      SECRETS_DIR: join(folder, 'secrets'),
      REDIS_USERS_DIR: join(folder, 'redis-users'),
      REDIS_ADDRESS: `127.0.0.1:${redis}`,
    });

  async function startReplica(index: number): Promise<Part> {
    const [port = 0, managementPort = 0] = ofReplicas.slice(index * 2);
    const replica = start(process.execPath, [join(TOP, 'src/server/main.ts')], {
      ...settings,
      GUARDMINT_PORT: String(port),
      GUARDMINT_MANAGEMENT_PORT: String(managementPort),
    });
    await whenHealthy(replica, () => answers(`http://127.0.0.1:${managementPort}/readyz`, 200));
    return replica;
  }

  async function stopAll(): Promise<void> {
    await Promise.all(parts.map((part) => part.stop('SIGKILL')));
    rmSync(folder, { recursive: true, force: true });
  }

  try {
    const prepared = await prepare();
    const redisFile = adapt('redis.conf', {
      'port 6379': `port ${redis}`,
      'bind * -::*': 'bind 127.0.0.1',
      'dir /data': `dir ${join(folder, 'redis')}`,
      '/run/redis/users.acl': join(folder, 'redis-users/users.acl'),
    });
    const store = start(serverProgram ?? 'redis-server', [redisFile]);
    await whenHealthy(store, async () => store.output().includes('Ready to accept connections'));
    const replicas = await Promise.all([startReplica(0), startReplica(1)]);

    const [first = 0, , second = 0] = ofReplicas;
    const nginxFile = adapt('nginx.conf', {
      '/tmp/': `${folder}/`,
      'listen 8080;': `listen 127.0.0.1:${edge};`,
      'listen 8091;': `listen 127.0.0.1:${notesEdge};`,
      'listen 8092;': `listen 127.0.0.1:${calculatorEdge};`,
      '127.0.0.1:4001': `127.0.0.1:${notes}`,
      '127.0.0.1:4002': `127.0.0.1:${calculator}`,
      // The name of all replicas is a name here too.
      'set $guardmint guardmint:3000;': 'set $guardmint replicas;',
      '  # The authorization server.\n': `  upstream replicas { server 127.0.0.1:${first} max_fails=0; server 127.0.0.1:${second} max_fails=0; }\n`,
    });
    const nginx = start('nginx', ['-c', nginxFile, '-g', 'daemon off;']);
    const issuer = `http://localhost:${edge}`;
    await whenHealthy(nginx, () => answers(`${issuer}/.well-known/jwks.json`, 200));

    const servers = (
      [
        ['notes', 'notes:read', notes, notesEdge],
        ['calculator', 'calculator:use', calculator, calculatorEdge],
      ] as const
    ).map(async ([name, scope, port, edgePort]) => {
      const resource = `http://localhost:${edgePort}/mcp`;
      const env = { ISSUER: issuer, RESOURCE: resource, SCOPE: scope, NAME: name, PORT: String(port) };
      const server = start(process.execPath, [join(TOP, 'examples/koa-mcp-server.ts')], env);
      await whenHealthy(server, () => answers(resource, 401));
    });
    await Promise.all(servers);

    return {
      folder,
      issuer,
      notes: `http://localhost:${notesEdge}/mcp`,
      calculator: `http://localhost:${calculatorEdge}/mcp`,
      prepared,
      replicas,
      async restart(index) {
        await startReplica(index);
      },
      admin: (...args) => run(guardmint, args, settings),
      prepare,
      [Symbol.asyncDispose]: stopAll,
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}
