import { readEvents } from './event-stream.ts';
import type { OpenedAnswer } from './open-url.ts';
import { createWatchdog } from './pause.ts';
import { MAX_DOCUMENT_BYTES } from './revocation-document.ts';

/** Who is kept up to date. */
export interface RevocationReader {
  /** Up to where everything is known; `undefined` before anything is. */
  position(): string | undefined;
  /**
   * Reads a document: `gap` when it does not go on from the position; `late` when it does, but was signed well before it
   * came, so that something on the way holds documents back.
   * @throws Error for a document that is not to be believed.
   */
  read(text: string): Promise<'live' | 'late' | 'gap'>;
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
  try {
    if (answer.status !== 200 || !answer.contentType.startsWith('text/event-stream')) return 'unproven';
    for await (const { data } of readEvents(answer.body, MAX_DOCUMENT_BYTES)) {
      const outcome = await readEvent(data);
      if (outcome === 'gap') return 'gap';
      if (outcome !== 'live') continue;
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
  async function readEvent(text: string): Promise<'live' | 'late' | 'gap' | 'refused'> {
    try {
      return await reader.read(text);
    } catch (failure) {
      reader.report({ failure });
      return 'refused';
    }
  }
}
