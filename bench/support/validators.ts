/**
 * Several validators in one process, each with a subscription of its own, that keep validating tokens and tell when they
 * first refuse one. Started by `bench/revocation.ts`; arguments: issuer, resource, how many.
 */
import { createVerifier, type Verifier } from '../../src/resource/index.ts';
import { monotonicMicroseconds } from '../../test/support/monotonic.ts';

/** What the validators are told. */
export type ValidatorsTold =
  /** All tokens there will be; those that are neither watched nor refused are the load. */
  | { readonly tell: 'tokens'; readonly tokens: readonly string[] }
  | { readonly tell: 'watch'; readonly indexes: readonly number[] }
  | { readonly tell: 'report' };

/** What they answer. */
export type ValidatorsAnswer =
  | { readonly answer: 'ready' }
  /** Every validator accepts the tokens now, and will be asked about them all the time. */
  | { readonly answer: 'watching' }
  /** When each validator first refused the token, in microseconds (`monotonicMicroseconds`). */
  | { readonly answer: 'refused'; readonly index: number; readonly at: readonly number[] }
  | { readonly answer: 'report'; readonly validations: number; readonly wronglyRefused: number };

/** From one look to the next, in milliseconds. */
const TICK = 1;
/** Remembered tokens each validator is shown in a tick. */
const HOT = 2;
/** Ticks from one token that is verified anew to the next. */
const COLD = 4;

const [issuer = '', resource = '', count = '1'] = process.argv.slice(2);
const verifiers: readonly Verifier[] = Array.from({ length: Number(count) }, () =>
  createVerifier({ issuer, resource }),
);
const forgetful = createVerifier({ issuer, resource, revocations: false, cacheSize: 0 });
let tokens: readonly Buffer[] = [];
const watched = new Map<number, (number | undefined)[]>();
const spent = new Set<number>();
let next = 0;
let ticks = 0;
let validations = 0;
let wronglyRefused = 0;

function send(answer: ValidatorsAnswer): void {
  process.send?.(answer);
}

/** As a server has it from a request: a string of its own. */
const tokenAt = (index: number) => tokens[index % tokens.length]?.toString('latin1') ?? '';

async function isAccepted(verifier: Verifier, index: number): Promise<boolean> {
  validations++;
  return (await verifier.loadAccessToken(tokenAt(index))) !== undefined;
}

async function carryLoad(): Promise<void> {
  for (const verifier of verifiers)
    for (let shown = 0; shown < HOT; shown++) {
      const index = next++ % tokens.length;
      if (spent.has(index)) continue;
      if (!(await isAccepted(verifier, index))) wronglyRefused++;
    }
  if (ticks++ % COLD === 0 && !(await isAccepted(forgetful, next))) wronglyRefused++;
}

async function look(): Promise<void> {
  for (const [index, at] of watched) {
    for (const [place, verifier] of verifiers.entries()) {
      if (at[place] !== undefined || (await isAccepted(verifier, index))) continue;
      at[place] = monotonicMicroseconds();
    }
    if (at.some((moment) => moment === undefined)) continue;
    watched.delete(index);
    send({ answer: 'refused', index, at: at.map(Number) });
  }
}

async function begin(): Promise<void> {
  // Every validator has heard of its issuer and remembers every token before anything is measured.
  for (const verifier of verifiers) {
    for (let index = 0; index < tokens.length; index++)
      if (!(await isAccepted(verifier, index))) throw new Error('a valid token was refused');
    while (verifier.state().revocations?.freshness !== 'fresh') await new Promise((resolve) => setTimeout(resolve, 10));
  }
  setInterval(() => void tick(), TICK);
  send({ answer: 'ready' });
}

let isTicking = false;

async function tick(): Promise<void> {
  if (isTicking) return;
  isTicking = true;
  await look();
  await carryLoad();
  isTicking = false;
}

async function watch(indexes: readonly number[]): Promise<void> {
  for (const index of indexes) {
    spent.add(index);
    for (const verifier of verifiers) if (!(await isAccepted(verifier, index))) wronglyRefused++;
    watched.set(index, Array.from({ length: verifiers.length }));
  }
  send({ answer: 'watching' });
}

process.on('message', (message: ValidatorsTold) => {
  if (message.tell === 'watch') void watch(message.indexes);
  else if (message.tell === 'report') send({ answer: 'report', validations, wronglyRefused });
  else {
    tokens = message.tokens.map((token) => Buffer.from(token));
    void begin();
  }
});
process.on('disconnect', () => process.exit());
