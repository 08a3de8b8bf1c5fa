/**
 * `npm run drill -- chaos [--short] [--hasty] [--seed N] [--json]`: three authorization servers over a Redis primary with two
 * replicas under Sentinel; thirty clients sign in, refresh from parallel sessions and are revoked, while servers and Redis
 * primaries are killed at random and come back: primaries once they were replaced, as docs/faults.md tells operators, or with
 * `--hasty` in the middle of their own failover, which docs/faults.md says the price of. Everything that was asked and answered is checked afterwards (support/history.ts).
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createLocalUsers } from '../src/interaction/index.ts';
import { silentAudit, systemClock, systemRandom } from '../src/platform/index.ts';
import { createVerifier } from '../src/resource/index.ts';
import { freePort } from '../test/support/redis-server.ts';
import type { DrillAnswer, DrillOptions } from './main.ts';
import { createChaosClient } from './support/chaos-client.ts';
import { findViolations, type Operation } from './support/history.ts';
import { type RedisGroup, startRedisGroup } from './support/redis-group.ts';
import { createSeededRandom, type SeededRandom } from './support/seeded-random.ts';
import { type ServerProcesses, startServers } from './support/server-processes.ts';
import { startTcpFront } from './support/tcp-front.ts';

const RESOURCE = 'https://mcp.example.test/mcp';
const SERVERS = 3;
/** No answer may take longer than this, in milliseconds: far more than any timeout, for machines with much else to do. */
const ANSWER = 14_000;
/** From an acknowledged revocation to any news of a server, in milliseconds, servers and primaries dying in between. */
const PROPAGATION = 5_000;
/** In which Sentinel has replaced a primary that was killed, in milliseconds. */
const FAILOVER = 4_000;

export async function run(print: (line?: string) => void, options: DrillOptions): Promise<DrillAnswer> {
  const { isShort, isHasty, seed } = options;
  const random = createSeededRandom(seed);
  const seconds = isShort ? 6 : 60;
  const clientCount = isShort ? 10 : 30;
  print(`Chaos for ${seconds} s with seed ${seed}: ${SERVERS} servers, ${clientCount} clients, Redis under Sentinel.`);

  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-chaos-'));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const redis = started.use(await startRedisGroup());
  const ports = await Promise.all(Array.from({ length: 2 * SERVERS }, freePort));
  const front = started.use(await startTcpFront(ports.slice(0, SERVERS)));
  const people = await addPeople(join(folder, 'users.json'), isShort ? 2 : 5);
  const servers = started.use(
    await startServers(
      Array.from({ length: SERVERS }, (_, index) => ({
        port: ports[index] ?? 0,
        managementPort: ports[SERVERS + index] ?? 0,
      })),
      await writeSettings(folder, front.origin, redis.url),
    ),
  );
  await servers.whenReady();

  const history: Operation[] = [];
  const began = performance.now();
  const record = (operation: Operation) => {
    history.push({ ...operation, start: operation.start - began, end: operation.end - began });
  };
  const validators = Array.from({ length: 3 }, (_, index) => {
    const verifier = createVerifier({ issuer: front.origin, resource: RESOURCE });
    started.defer(() => verifier.close());
    return { name: `validator ${index}`, verifier };
  });
  const clients = Array.from({ length: clientCount }, (_, index) => {
    const credentials = people[index % people.length] ?? fail('nobody to sign in');
    const own = random.fork(index);
    return createChaosClient({
      issuer: front.origin,
      resource: RESOURCE,
      credentials,
      validators,
      random: own,
      record,
    });
  });

  for (const client of clients) await client.begin();
  const say = (what: string) => print(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${what}`);
  say('every client has signed in');
  const end = AbortSignal.timeout(seconds * 1000);
  const work = Promise.all(clients.map((client) => client.work(end)));
  const kills = await kill(servers, redis, random.fork(-1), end, say, { isOneAtATime: isShort, isHasty });
  await work;
  const outage = longestOutage(history);
  say('the last one comes back');
  await redis.whenReplicated(isShort ? 1 : 2);
  await servers.whenReady();
  say('all are there again');
  // What was acknowledged last has to have reached every validator when they are asked for the last time.
  if (!isShort) await pause(2 * PROPAGATION);
  await Promise.all(clients.map((client) => client.lookBack()));

  const broken = [
    ...findViolations(history, { propagation: PROPAGATION, answer: ANSWER, codeLifetime: 50_000 }),
    ...servers.faults.map((line) => `a server said: ${line.slice(0, 400)}`),
  ];
  return { seed, seconds, clients: clientCount, ...kills, ...countAll(history, outage, print), broken };
}

/** Kills the primary of Redis or a server every few seconds. */
async function kill(
  servers: ServerProcesses,
  redis: Pick<RedisGroup, 'killPrimary' | 'whenReplicated'>,
  random: SeededRandom,
  end: AbortSignal,
  say: (what: string) => void,
  how: {
    /** Whether Redis has a replica again before the next kill. */
    readonly isOneAtATime: boolean;
    readonly isHasty: boolean;
  },
): Promise<{ killedServers: number; killedPrimaries: number }> {
  const killed = { killedServers: 0, killedPrimaries: 0 };
  await pause(1_000);
  while (!end.aborted) {
    // The first one, so that a short run has one too.
    const isPrimary = random.next() < 0.4 || killed.killedPrimaries === 0;
    if (how.isOneAtATime) await redis.whenReplicated(1);
    const downFor = random.between(300, 2_500);
    const primaryDownFor = how.isHasty || how.isOneAtATime ? downFor : FAILOVER + downFor;
    const isDone = isPrimary && (await redis.killPrimary(primaryDownFor));
    const index = Math.floor(random.next() * SERVERS);
    if (isDone) {
      killed.killedPrimaries += 1;
      say(`the primary of Redis is killed, for ${Math.round(primaryDownFor)} ms`);
    } else if (await servers.kill(index, downFor)) {
      killed.killedServers += 1;
      say(`server ${index} is killed, for ${Math.round(downFor)} ms`);
    }
    await pause(random.between(800, 3_200), undefined, { signal: end }).catch(() => {});
  }
  return killed;
}

async function addPeople(path: string, count: number): Promise<readonly { username: string; password: string }[]> {
  const users = createLocalUsers({ path, clock: systemClock, random: systemRandom, audit: silentAudit });
  const people = Array.from({ length: count }, (_, index) => ({
    username: `person-${index}`,
    password: `pw ${systemRandom(16)}`,
  }));
  for (const { username, password } of people) await users.add(username, password);
  return people;
}

async function writeSettings(folder: string, issuer: string, redisUrl: string): Promise<Record<string, string>> {
  const settings = {
    issuer,
    redisUrl,
    keysDir: join(folder, 'keys'),
    dataDir: folder,
    resources: [{ resource: RESOURCE, name: 'Notes', scopes: { 'mcp:read': 'Read your notes' } }],
    rateLimits: { enabled: false },
    logLevel: 'warn',
  };
  const path = join(folder, 'guardmint.json');
  await writeFile(path, JSON.stringify(settings));
  return { GUARDMINT_CONFIG: path };
}

function countAll(
  history: readonly Operation[],
  outage: number,
  print: (line?: string) => void,
): Record<string, number> {
  const answered = (kind: Operation['kind'], status: number) =>
    history.filter(
      (operation) => operation.kind === kind && 'answer' in operation && operation.answer.status === status,
    ).length;
  const rows = (['page', 'exchange', 'refresh', 'revoke'] as const).map((kind) => {
    const statuses = [200, 400, 503, 0].map((status) => answered(kind, status));
    return { kind, total: history.filter((operation) => operation.kind === kind).length, statuses };
  });
  print();
  print(
    `${'operation'.padEnd(12)}${['all', '200', '400', '503', 'no answer'].map((one) => one.padStart(10)).join('')}`,
  );
  for (const { kind, total, statuses } of rows)
    print(kind.padEnd(12) + [total, ...statuses].map((count) => String(count).padStart(10)).join(''));
  const validations = history.filter((operation) => operation.kind === 'validation');
  const accepted = validations.filter(({ outcome }) => outcome === 'accepted').length;
  const unavailable = validations.filter(({ outcome }) => outcome === 'unavailable').length;
  const oldest = Math.max(0, ...validations.map(({ newsAge }) => newsAge).filter(Number.isFinite));
  print(
    `validations ${validations.length}: ${accepted} accepted, ${unavailable} could not be decided; news at most ${oldest} ms old`,
  );
  const slowest = Math.round(Math.max(0, ...history.map(({ start, end }) => end - start)));
  const ambiguous = codesLost(history);
  print(`slowest answer ${slowest} ms, longest time without any token response ${outage} ms`);
  print(`codes that were refused after an exchange without an answer, or with 503: ${ambiguous}`);
  print();
  return {
    operations: history.length,
    refreshes: answered('refresh', 200),
    signIns: answered('exchange', 200),
    revocations: answered('revoke', 200),
    unavailable: rows.reduce((sum, { statuses }) => sum + (statuses[2] ?? 0), 0),
    unanswered: rows.reduce((sum, { statuses }) => sum + (statuses[3] ?? 0), 0),
    validations: validations.length,
    oldestNewsMs: oldest,
    slowestMs: slowest,
    longestOutageMs: outage,
    codesLost: ambiguous,
  };
}

function longestOutage(history: readonly Operation[]): number {
  const ends = history
    .filter((operation) => operation.kind === 'refresh' && operation.answer.status === 200)
    .map(({ end }) => end)
    .sort((one, other) => one - other);
  return Math.round(ends.reduce((longest, end, index) => Math.max(longest, end - (ends[index - 1] ?? end)), 0));
}

/** Codes whose first exchange may have been done without anybody hearing of it: RFC 6749 has the next one refused. */
function codesLost(history: readonly Operation[]): number {
  const exchanges = history.filter((operation) => operation.kind === 'exchange');
  const given = new Set(exchanges.filter(({ answer }) => answer.status === 200).map(({ code }) => code));
  const refused = exchanges.filter(({ answer, code }) => answer.status === 400 && !given.has(code));
  return new Set(refused.map(({ code }) => code)).size;
}

function fail(problem: string): never {
  throw new Error(problem);
}
