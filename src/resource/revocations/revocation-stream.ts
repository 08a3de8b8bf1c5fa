import type { Seconds } from '../../oauth/index.ts';
import type { OpenedAnswer } from '../runtime/open-url.ts';
import { createWatchdog } from '../runtime/pause.ts';
import { readEvents } from './event-stream.ts';
import { MAX_DOCUMENT_BYTES } from './revocation-document.ts';

/** A document that was believed. */
export interface DocumentRead {
  /** Whether it does not go on from where everything was known. */
  readonly isGap: boolean;
  /** From its signing, by the clock of the replica that did, to its reading, by ours: good for comparing within one answer. */
  readonly way: Seconds;
}

/** A document that took that much longer than the fastest one of its stream was held back on its way. */
const HELD_BACK: Seconds = 10;

/** Who is kept up to date. */
export interface RevocationReader {
  /** Up to where everything is known; `undefined` before anything is. */
  position(): string | undefined;
  /** Reads a document. @throws Error for one that is not to be believed. */
  read(text: string): Promise<DocumentRead>;
  /** The issuer does not know the position (any more). */
  losePosition(): void;
  /** How the last attempt ended. */
  report(outcome: 'offered' | 'not offered' | { readonly failure: unknown }): void;
}

/**
 * Reads a stream of revocations until it ends, falls silent or skips something. It is `proven` by a second live document:
 * the first may come from a buffer that was passed on because it was full. Never rejects.
 */
export async function followStream(deps: {
  answer: OpenedAnswer;
  reader: RevocationReader;
  /** How long it may say nothing, at its beginning and later, in milliseconds. */
  timings: { readonly firstEvent: number; readonly silence: number };
}): Promise<'gap' | 'proven' | 'unproven'> {
  const { answer, reader, timings } = deps;
  const watchdog = createWatchdog(() => answer.close());
  watchdog.restart(timings.firstEvent);
  let live = 0;
  let shortestWay = Number.POSITIVE_INFINITY;
  let longestWay = Number.NEGATIVE_INFINITY;
  try {
    if (answer.status !== 200 || !answer.contentType.startsWith('text/event-stream')) return 'unproven';
    for await (const { data } of readEvents(answer.body, MAX_DOCUMENT_BYTES)) {
      const read = await readEvent(data);
      if (read === undefined) continue;
      if (read.isGap) return 'gap';
      shortestWay = Math.min(shortestWay, read.way);
      longestWay = Math.max(longestWay, read.way);
      if (read.way - shortestWay > HELD_BACK) continue;
      if (longestWay - read.way > HELD_BACK) {
        // What came before had been held back.
        live = 0;
        longestWay = read.way;
      }
      live += 1;
      watchdog.restart(timings.silence);
    }
  } catch {
    // However a stream ends, the list tells what it did not.
  } finally {
    watchdog.stop();
    answer.close();
  }
  return live > 1 ? 'proven' : 'unproven';

  /** What is not to be believed is passed over; if it hid something, the next document shows the gap. */
  async function readEvent(text: string): Promise<DocumentRead | undefined> {
    try {
      return await reader.read(text);
    } catch (failure) {
      reader.report({ failure });
      return undefined;
    }
  }
}
