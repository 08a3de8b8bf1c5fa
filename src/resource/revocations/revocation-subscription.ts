import { openPersistently } from '../runtime/open-persistently.ts';
import { jitter, pause } from '../runtime/pause.ts';
import { addSince, type RevocationList } from './revocation-list.ts';
import { followStream, type RevocationReader } from './revocation-stream.ts';

/** Where an issuer publishes what it revoked. */
export interface RevocationPlaces {
  readonly list: string;
  readonly stream?: string;
}

/** How long things take, in milliseconds. */
export interface SubscriptionTimings {
  /** For the headers of an answer. */
  readonly answer: number;
  /** From one look at the list to the next, where there is no stream. */
  readonly poll: number;
  /** After which a stream that says nothing is given up, at its beginning and later. */
  readonly firstEvent: number;
  readonly silence: number;
  /** From a stream that did not work to the next one, four times as long each time; and at most. */
  readonly streamAgain: number;
  readonly streamAgainMax: number;
}

export const SUBSCRIPTION_TIMINGS: SubscriptionTimings = {
  answer: 5_000,
  poll: 5_000,
  firstEvent: 5_000,
  silence: 15_000,
  streamAgain: 1_000,
  streamAgainMax: 900_000,
};

const LOCATE_AGAIN = 600_000;
const RETURN_PAUSE = 50;
const HOPEFUL_FAILURES = 3;
const MINUTE = 60_000;

/**
 * Keeps a reader up to date, from `start` until closed: the list first, then the stream from where the list ended, and the
 * list again whenever the stream ends or skips something; the list alone, at intervals, where streams do not get through.
 * Nothing in it keeps the process alive.
 */
export function createSubscription(deps: {
  /** `undefined` when the issuer publishes nothing. */
  locate: () => Promise<RevocationPlaces | undefined>;
  list: RevocationList;
  reader: RevocationReader;
  timings: SubscriptionTimings;
}): { start(): void; close(): void } {
  const { locate, list, reader, timings } = deps;
  const closing = new AbortController();
  const { signal } = closing;
  let isStarted = false;
  let places: RevocationPlaces | undefined;
  let outageSince: number | undefined;
  let locatedAt = 0;
  let streamFailures = 0;
  let streamAgainAt = 0;

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        places ??= await locate();
        await (places === undefined ? wait('not offered', LOCATE_AGAIN) : goOn(places));
      } catch (error) {
        if (signal.aborted) return;
        fail(error);
        await pause(jitter(retryInterval()), signal);
      }
    }
  }

  async function wait(outcome: 'offered' | 'not offered', milliseconds: number): Promise<void> {
    outageSince = undefined;
    reader.report(outcome);
    await pause(jitter(milliseconds), signal);
  }

  async function goOn({ list: place, stream }: RevocationPlaces): Promise<void> {
    await catchUp(place);
    if (stream === undefined) return wait('offered', timings.poll);
    const untilStream = streamAgainAt - performance.now();
    if (untilStream > 0) return wait('offered', Math.min(pollInterval(), untilStream));
    outageSince = undefined;
    reader.report('offered');
    await tryStream(stream);
  }

  function fail(failure: unknown): void {
    outageSince ??= performance.now();
    reader.report({ failure });
  }

  /** Often at first: whoever is cut off for a moment must not miss a revocation for longer than that. */
  function retryInterval(): number {
    const outage = performance.now() - (outageSince ?? performance.now());
    return outage < MINUTE ? 500 : outage < 10 * MINUTE ? 2_000 : 5_000;
  }

  /**
   * More often while it may be that streams do get through: servers that are replaced one after the other end them too, and
   * end one that has only just begun.
   */
  function pollInterval(): number {
    return streamFailures <= HOPEFUL_FAILURES ? Math.min(timings.poll, timings.streamAgain) : timings.poll;
  }

  function catchUp(place: string): Promise<void> {
    return list.catchUp(place, (attempt) =>
      outageSince === undefined
        ? attempt(signal)
        : openPersistently({ attempt, interval: retryInterval, onFailure: lookElsewhere, signal }),
    );
  }

  /** While the list cannot be had, the metadata is asked every minute whether it has moved. */
  function lookElsewhere(failure: unknown): void {
    fail(failure);
    const now = performance.now();
    if (now < Math.max(locatedAt, outageSince ?? now) + MINUTE) return;
    locatedAt = now;
    locate().then(
      (found) => {
        places = found ?? places;
      },
      () => {},
    );
  }

  /** A stream that never got going is a stream that does not get through: it is tried again ever more rarely. */
  async function tryStream(stream: string): Promise<void> {
    let outcome: Awaited<ReturnType<typeof followStream>>;
    try {
      const answer = await list.open(addSince(stream, reader.position()), 'text/event-stream', signal);
      outcome = await followStream({ answer, reader, timings });
    } catch (failure) {
      if (signal.aborted) return;
      reader.report({ failure });
      outcome = 'unproven';
    }
    if (outcome !== 'unproven') streamFailures = 0;
    else {
      const again = Math.min(timings.streamAgain * 4 ** streamFailures, timings.streamAgainMax);
      streamFailures += 1;
      streamAgainAt = performance.now() + jitter(again);
    }
    // Whatever ended the stream may have taken everything with it.
    if (outcome !== 'gap') outageSince = performance.now();
    // Those who were cut off together do not return together.
    await pause(jitter(RETURN_PAUSE), signal);
  }

  return {
    start() {
      if (isStarted) return;
      isStarted = true;
      void run();
    },
    close: () => closing.abort(),
  };
}
