import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createPerson, type Person } from '../../examples/person.ts';
import { createLocalUsers } from '../../src/interaction/index.ts';
import { systemClock, systemRandom } from '../../src/platform/index.ts';
import type { FrontChanged, FrontMode } from './front.ts';
import { monotonicMicroseconds } from './monotonic.ts';
import { pkcePair } from './pkce.ts';
import { freePort, startRedis } from './redis-server.ts';

export const RESOURCE = 'https://mcp.example.com/mcp';

const CLIENT = { client_id: 'client', redirect_uris: ['https://client.example.com/callback'] };
const REDIRECT = 'https://client.example.com/callback';

/** Replicas of the authorization server as processes, on one Redis and one keys folder, behind one front. */
export interface Deployment extends AsyncDisposable {
  readonly issuer: string;
  /** The ports of the replicas, past the front. */
  readonly ports: readonly number[];
  /** Takes the front away, or brings it back; answers when it did. */
  changeFront(mode: FrontMode): Promise<number>;
  /** Ends the process of a replica with SIGKILL. */
  killReplica(place: number): Promise<void>;
  /** Signs a person in and grants as often as wanted. */
  grant(count: number): Promise<readonly GrantedTokens[]>;
  /** Gives a grant up; answers when the 200 was there. */
  revoke(token: string, port?: number): Promise<number>;
}

export interface GrantedTokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

export async function startDeployment(replicas: number): Promise<Deployment> {
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-deployment-'));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const redis = started.use(await startRedis());
  const credentials = { username: 'alice', password: randomBytes(15).toString('base64url') };
  await mkdir(join(folder, 'data'));
  const users = createLocalUsers({
    path: join(folder, 'data/users.json'),
    clock: systemClock,
    random: systemRandom,
    audit: () => {},
  });
  await users.add(credentials.username, credentials.password);
  const config = join(folder, 'guardmint.json');
  await writeFile(config, JSON.stringify({ resources: [{ resource: RESOURCE }], clients: [CLIENT] }));

  const ports = await Promise.all(Array.from({ length: replicas }, freePort));
  const front = startProcess(new URL('front.ts', import.meta.url), ports.map(String));
  started.defer(() => stop(front));
  const [frontPort] = (await once(front, 'message')) as [number];
  const issuer = `http://localhost:${frontPort}`;
  const processes: ChildProcess[] = [];
  for (const port of ports) {
    const managementPort = await freePort();
    const replica = fork(new URL('../../src/server/main.ts', import.meta.url), {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        ...process.env,
        GUARDMINT_CONFIG: config,
        GUARDMINT_ISSUER: issuer,
        GUARDMINT_PORT: String(port),
        GUARDMINT_MANAGEMENT_PORT: String(managementPort),
        GUARDMINT_KEYS_DIR: join(folder, 'keys'),
        GUARDMINT_DATA_DIR: join(folder, 'data'),
        GUARDMINT_REDIS_URL: redis.url,
        GUARDMINT_REDIS_STRICT: '1',
        GUARDMINT_RATE_LIMITS: 'off',
        GUARDMINT_LOG_LEVEL: 'warn',
      },
    });
    started.defer(() => stop(replica));
    processes.push(replica);
    await whenReady(managementPort);
  }
  const agent = new Agent({ keepAlive: true });
  started.defer(() => agent.destroy());
  const disposal = started.move();

  async function changeFront(mode: FrontMode): Promise<number> {
    const changed = once(front, 'message');
    front.send(mode);
    const [{ at }] = (await changed) as [FrontChanged];
    return at;
  }

  /** The password is asked for once, then consent each time. */
  async function grant(count: number): Promise<readonly GrantedTokens[]> {
    const person = createPerson(credentials);
    const granted = [await grantOnce(issuer, person)];
    while (granted.length < count) {
      const batch = Math.min(8, count - granted.length);
      granted.push(...(await Promise.all(Array.from({ length: batch }, () => grantOnce(issuer, person)))));
    }
    return granted;
  }

  function revoke(token: string, port = frontPort): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const asking = request(`http://localhost:${port}/revoke`, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    asking.on('response', (response) => {
      const at = monotonicMicroseconds();
      response.resume();
      response.once('end', () =>
        response.statusCode === 200 ? resolve(at) : reject(new Error(`/revoke answered ${response.statusCode}`)),
      );
    });
    asking.on('error', reject);
    asking.end(new URLSearchParams({ client_id: CLIENT.client_id, token }).toString());
    return promise;
  }

  return {
    issuer,
    ports,
    changeFront,
    killReplica: async (place) => stop(processes[place], 'SIGKILL'),
    grant,
    revoke,
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

/** Starts a module with which messages are exchanged. */
export function startProcess(module: URL, args: readonly string[]): ChildProcess {
  return fork(module, args, { execArgv: [] });
}

export async function stop(child: ChildProcess | undefined, signal?: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

async function whenReady(managementPort: number): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${managementPort}/readyz`).catch(() => undefined);
    if (answer?.status === 200) return;
    await pause(50);
  }
  throw new Error('a replica did not get ready');
}

async function grantOnce(issuer: string, person: Person): Promise<GrantedTokens> {
  const { verifier, challenge } = pkcePair();
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: CLIENT.client_id,
    redirect_uri: REDIRECT,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    resource: RESOURCE,
  });
  const redirect = await person.authorize(`${issuer}/authorize?${query}`);
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: CLIENT.client_id,
      code: redirect.searchParams.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: REDIRECT,
    }),
  });
  if (answer.status !== 200) throw new Error(`/token answered ${answer.status}`);
  return (await answer.json()) as GrantedTokens;
}
