import { expect, test } from 'vitest';
import { type Expectation, expectSound, type Observed } from './expectations.ts';
import { send, type WireRequest } from './wire.ts';
import type { World } from './world.ts';

/** One request and what must come of it. */
export interface Row {
  /** A sentence of behaviour, with the id of the catalogue it proves in brackets where there is one. */
  readonly title: string;
  readonly request: (world: World) => WireRequest | Promise<WireRequest>;
  readonly expect: Expectation;
}

/** Makes a test of every row of a table. */
export function runTable(world: World, rows: readonly Row[]): void {
  test('no two rows have the same title', () => {
    const titles = rows.map((row) => row.title);
    expect(titles.filter((title, index) => titles.indexOf(title) < index)).toEqual([]);
  });
  for (const row of rows) {
    test(row.title, async () => {
      const observed = await observe(world, await row.request(world));
      expectSound(observed);
      row.expect(observed);
    });
  }
}

/** Sends a request and answers with what the server said, and noted about it. */
export async function observe(world: World, request: WireRequest): Promise<Observed> {
  const before = world.server.events.length;
  const answer = await send(world.issuer, request);
  const requestId = answer.headers.get('x-request-id')?.[0];
  const refusals = world.server.events.slice(before).filter((event) => event.event === 'request.refused');
  expect(refusals.filter((event) => event['requestId'] === undefined)).toEqual([]);
  const reasons = refusals.filter((event) => event['requestId'] === requestId).map((event) => String(event['reason']));
  return { world, answer, reasons };
}
