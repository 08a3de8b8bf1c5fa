import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const TOP = new URL('../../', import.meta.url).pathname;

/** The program that runs workers; `undefined` where it is not installed. */
export const WORKERD = findProgram();

function findProgram(): string | undefined {
  try {
    const { default: path } = createRequire(import.meta.url)('workerd') as { default: string };
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** A worker on a free port of this machine that may reach this machine only. */
export interface RunningWorker extends AsyncDisposable {
  readonly origin: string;
}

/**
 * Runs a worker. `main` is its module, in JavaScript; it may import `./src/resource/…` and `./src/oauth/…`, which are our sources
 * without their types. `nodeCompatible` turns Node's modules on.
 */
export async function startWorker(options: {
  main: string;
  bindings: Readonly<Record<string, string>>;
  nodeCompatible: boolean;
}): Promise<RunningWorker> {
  if (WORKERD === undefined) throw new Error('workerd is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-workerd-'));
  const sources = globSync(['src/oauth/*.ts', 'src/resource/**/*.ts'], { cwd: TOP }).filter(
    (file) => !/\/(?:mcp-sdk-v1|koa|express|hono|node)\.ts$/.test(file),
  );
  const modules: readonly (readonly [name: string, text: string])[] = [
    ['main.js', options.main],
    ...sources.map((file) => [file, stripTypeScriptTypes(readFileSync(join(TOP, file), 'utf8'))] as const),
  ];
  await Promise.all(modules.map(([, text], index) => writeFile(join(folder, `module-${index}.js`), text)));
  await writeFile(join(folder, 'worker.capnp'), configuration(modules, options));
  const child = spawn(WORKERD, ['serve', 'worker.capnp', '--control-fd=3'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  return {
    origin: `http://127.0.0.1:${await listeningPort(child)}`,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

function configuration(
  modules: readonly (readonly [name: string, text: string])[],
  { bindings, nodeCompatible }: { bindings: Readonly<Record<string, string>>; nodeCompatible: boolean },
): string {
  const rows = modules.map(([name], index) => `(name = "${name}", esModule = embed "module-${index}.js")`);
  const texts = Object.entries(bindings).map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`);
  const flags = nodeCompatible ? ['nodejs_compat'] : ['no_nodejs_compat', 'no_nodejs_compat_v2'];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["127.0.0.1/32", "::1/128"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [${rows.join(', ')}],
  bindings = [${texts.join(', ')}],
  compatibilityDate = "2026-06-01",
  compatibilityFlags = [${flags.map((flag) => JSON.stringify(flag)).join(', ')}],
);
`;
}

/** What workerd tells on its control channel. */
async function listeningPort(child: ChildProcess): Promise<number> {
  const channel = child.stdio[3];
  if (channel === null || channel === undefined || !('read' in channel)) throw new Error('no control channel');
  for await (const line of createInterface(channel)) {
    const event = JSON.parse(line) as { event: string; port?: number };
    if (event.event === 'listen' && event.port !== undefined) return event.port;
  }
  throw new Error('workerd ended before it listened');
}
