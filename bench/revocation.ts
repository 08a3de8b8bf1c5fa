/**
 * How long a revoked token is still accepted anywhere: from the 200 of `/revoke` until the last of 50 validators refuses the
 * access token of that grant. Three replicas of the server on one Redis, behind one front; the validators in processes of
 * their own, each subscribed by itself from the issuer's metadata, all of them validating tokens all the time. Then the way
 * between servers and validators is taken away for half a minute, twice, while grants are revoked.
 */
import type { ChildProcess } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Deployment,
  type GrantedTokens,
  RESOURCE,
  startDeployment,
  startProcess,
  stop,
} from '../test/support/deployment.ts';
import { formatTable } from './support/rounds.ts';
import type { ValidatorsAnswer, ValidatorsTold } from './support/validators.ts';

const REPLICAS = 3;
const PROCESSES = 5;
const VALIDATORS_EACH = 10;
const REVOCATIONS = 500;
/** Revocations sent at the same time. */
const BURST = 100;
const OUTAGE_MS = 30_000;
const REVOKED_IN_OUTAGE = 25;
/** Tokens that are never revoked. */
const KEPT = 50;

interface Goal {
  readonly goal: string;
  readonly wanted: number;
  readonly reached: number;
  readonly isReached: boolean;
}

export async function run(print: (line?: string) => void): Promise<object> {
  const machine = { cores: availableParallelism(), loadBefore: loadavg()[0] ?? 0 };
  await using deployment = await startDeployment(REPLICAS);
  const granted = await deployment.grant(REVOCATIONS + BURST + 2 * REVOKED_IN_OUTAGE + KEPT);
  await using fleet = await startFleet(deployment.issuer, granted);
  print(
    `${REPLICAS} replicas, one Redis (append-only file), ${PROCESSES * VALIDATORS_EACH} validators in ${PROCESSES} processes; ` +
      'milliseconds',
  );
  print(
    `${machine.cores} cores; load average ${machine.loadBefore.toFixed(1)} before: what else runs is part of what is measured`,
  );

  const began = performance.now();
  const before = await fleet.report();
  const oneByOne = await revokeOneByOne(deployment, fleet, 0, REVOCATIONS);
  const after = await fleet.report();
  const rate = ((after.validations - before.validations) * 1000) / (performance.now() - began);
  const burst = await revokeAtOnce(deployment, fleet, REVOCATIONS, BURST);
  print(
    `\nFrom the acknowledged revocation to the refusal, under ${Math.round(rate).toLocaleString('en')} validations/s`,
  );
  print(
    formatTable([
      ['', 'p50', 'p99', 'max'],
      [`the last validator, ${REVOCATIONS} one by one`, ...columns(oneByOne.last)],
      ['any validator', ...columns(oneByOne.each)],
      [`the last validator, ${BURST} at once`, ...columns(burst.last)],
    ]),
  );

  const outages: Record<string, readonly number[]> = {};
  let first = REVOCATIONS + BURST;
  for (const mode of ['refuse', 'silent'] as const) {
    outages[mode] = await revokeInOutage(deployment, fleet, mode, first);
    first += REVOKED_IN_OUTAGE;
  }
  print(
    `\nFrom the end of ${OUTAGE_MS / 1000} s without a way to the servers until the refusal of the ${REVOKED_IN_OUTAGE} revoked in it`,
  );
  print(
    formatTable([
      ['', 'p50', 'p99', 'max'],
      ['connections refused', ...columns(outages['refuse'] ?? [])],
      ['connections silent', ...columns(outages['silent'] ?? [])],
    ]),
  );
  const { wronglyRefused } = await fleet.report();
  const goals: Goal[] = [
    below('p99, last validator', 50, quantile(oneByOne.last, 0.99)),
    below('max, last validator', 250, quantile(oneByOne.last, 1)),
    below('after an outage, refused', 1_000, quantile(outages['refuse'] ?? [], 1)),
    below('after an outage, silent', 1_000, quantile(outages['silent'] ?? [], 1)),
    { goal: 'valid tokens refused', wanted: 0, reached: wronglyRefused, isReached: wronglyRefused === 0 },
  ];
  print('\nGoals');
  print(
    formatTable(
      goals.map(({ goal, wanted, reached, isReached }) => [
        goal,
        reached.toFixed(1),
        `wanted ${wanted === 0 ? 'none' : `< ${wanted}`}`,
        isReached ? 'reached' : 'MISSED',
      ]),
    ),
  );
  return {
    node: process.version,
    machine,
    validationsPerSecond: rate,
    oneByOne: { last: summary(oneByOne.last), each: summary(oneByOne.each) },
    burst: summary(burst.last),
    outages: Object.fromEntries(Object.entries(outages).map(([mode, times]) => [mode, summary(times)])),
    goals,
  };
}

/** Latencies in milliseconds. A refusal that comes before the 200 has reached the client counts as 0. */
interface Latencies {
  readonly last: readonly number[];
  readonly each: readonly number[];
}

async function revokeOneByOne(deployment: Deployment, fleet: Fleet, first: number, count: number): Promise<Latencies> {
  const last: number[] = [];
  const each: number[] = [];
  for (let index = first; index < first + count; index++) {
    const refusals = await fleet.watch([index]);
    const acknowledged = await deployment.revoke(fleet.refreshToken(index));
    const waits = ((await refusals[0]) ?? []).map((at) => Math.max(0, at - acknowledged) / 1000);
    each.push(...waits);
    last.push(Math.max(...waits));
    // Not in step with the ticks of the validators.
    await pause(Math.random() * 10);
  }
  return { last, each };
}

async function revokeAtOnce(deployment: Deployment, fleet: Fleet, first: number, count: number): Promise<Latencies> {
  const indexes = Array.from({ length: count }, (_, offset) => first + offset);
  const refusals = await fleet.watch(indexes);
  const acknowledged = await Promise.all(indexes.map((index) => deployment.revoke(fleet.refreshToken(index))));
  const waits = (await Promise.all(refusals)).map((moments, place) =>
    moments.map((at) => Math.max(0, at - (acknowledged[place] ?? 0)) / 1000),
  );
  return { last: waits.map((one) => Math.max(...one)), each: waits.flat() };
}

/** For each validator, from the end of the outage until it has refused all that was revoked meanwhile. */
async function revokeInOutage(
  deployment: Deployment,
  fleet: Fleet,
  mode: 'refuse' | 'silent',
  first: number,
): Promise<readonly number[]> {
  const indexes = Array.from({ length: REVOKED_IN_OUTAGE }, (_, offset) => first + offset);
  const refusals = await fleet.watch(indexes);
  await deployment.changeFront(mode);
  for (const [turn, index] of indexes.entries()) {
    await pause(OUTAGE_MS / REVOKED_IN_OUTAGE);
    await deployment.revoke(fleet.refreshToken(index), deployment.ports[turn % deployment.ports.length]);
  }
  const end = await deployment.changeFront('pass');
  const moments = await Promise.all(refusals);
  if (moments.flat().some((at) => at < end)) throw new Error('a revocation came through the outage');
  return (moments[0] ?? []).map((_, validator) => (Math.max(...moments.map((at) => at[validator] ?? 0)) - end) / 1000);
}

/** The validators of all processes. */
interface Fleet extends AsyncDisposable {
  refreshToken(index: number): string;
  /** Resolves when all of them are watching; then answers for each token when each validator refused it. */
  watch(indexes: readonly number[]): Promise<readonly Promise<readonly number[]>[]>;
  report(): Promise<{ readonly validations: number; readonly wronglyRefused: number }>;
}

async function startFleet(issuer: string, granted: readonly GrantedTokens[]): Promise<Fleet> {
  await using started = new AsyncDisposableStack();
  const children: ChildProcess[] = [];
  const waiting = new Map<string, ((answer: ValidatorsAnswer) => void)[]>();
  for (let place = 0; place < PROCESSES; place++) {
    const child = startProcess(new URL('support/validators.ts', import.meta.url), [
      issuer,
      RESOURCE,
      String(VALIDATORS_EACH),
    ]);
    started.defer(() => stop(child));
    child.on('message', (answer: ValidatorsAnswer) => {
      const name = answer.answer === 'refused' ? `refused ${answer.index}` : answer.answer;
      waiting.get(`${place} ${name}`)?.shift()?.(answer);
    });
    children.push(child);
  }

  /** What each process answers next under a name. */
  function answers<Name extends ValidatorsAnswer['answer']>(_name: Name, label: string = _name) {
    return Promise.all(
      children.map((_, place) => {
        const { promise, resolve } = Promise.withResolvers<ValidatorsAnswer>();
        const key = `${place} ${label}`;
        waiting.set(key, [...(waiting.get(key) ?? []), resolve]);
        return promise as Promise<Extract<ValidatorsAnswer, { answer: Name }>>;
      }),
    );
  }

  function tell(message: ValidatorsTold): void {
    for (const child of children) child.send(message);
  }

  const ready = answers('ready');
  tell({ tell: 'tokens', tokens: granted.map(({ access_token }) => access_token) });
  await ready;
  const disposal = started.move();
  return {
    refreshToken: (index) => granted[index]?.refresh_token ?? '',

    async watch(indexes) {
      const watching = answers('watching');
      const refusals = indexes.map(async (index) => {
        const refused = await answers('refused', `refused ${index}`);
        return refused.flatMap(({ at }) => at);
      });
      tell({ tell: 'watch', indexes });
      await watching;
      return refusals;
    },

    async report() {
      const reports = answers('report');
      tell({ tell: 'report' });
      const parts = await reports;
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
      return {
        validations: sum(parts.map(({ validations }) => validations)),
        wronglyRefused: sum(parts.map(({ wronglyRefused }) => wronglyRefused)),
      };
    },

    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

function below(goal: string, wanted: number, reached: number): Goal {
  return { goal, wanted, reached, isReached: reached < wanted };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function summary(values: readonly number[]): object {
  return { p50: quantile(values, 0.5), p99: quantile(values, 0.99), max: quantile(values, 1) };
}

function columns(values: readonly number[]): string[] {
  return [0.5, 0.99, 1].map((share) => quantile(values, share).toFixed(1));
}
