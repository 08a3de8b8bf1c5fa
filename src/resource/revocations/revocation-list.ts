import { type OpenedAnswer, readText, type UrlOpener } from '../runtime/open-url.ts';
import { MAX_DOCUMENT_BYTES } from './revocation-document.ts';
import type { RevocationReader } from './revocation-stream.ts';

/** Sends one request for a list; `attempt` may be called several times at once, the first answer counts. */
export type Asking = (attempt: (signal: AbortSignal) => Promise<OpenedAnswer>) => Promise<OpenedAnswer>;

/** The list of revocations at a URL, read from where the reader is. */
export interface RevocationList {
  /** Reads what came since. @throws Error when it cannot be had, or is not to be believed. */
  catchUp(list: string, asking: Asking): Promise<void>;
  /** @throws Error for an answer that is neither what was asked for nor word that the position is unknown. */
  open(url: string, accept: string, signal: AbortSignal): Promise<OpenedAnswer>;
}

export function createRevocationList(deps: {
  open: UrlOpener;
  reader: RevocationReader;
  /** For the headers of an answer, and for its silence while it comes, in milliseconds. */
  timings: { readonly answer: number; readonly silence: number };
}): RevocationList {
  const { reader, timings } = deps;

  async function catchUp(list: string, asking: Asking): Promise<void> {
    const position = reader.position();
    const url = addSince(list, position);
    const answer = await asking((signal) => open(url, 'application/revocations+jwt, application/jwt', signal));
    if (answer.status === 410 && position !== undefined) {
      answer.close();
      reader.losePosition();
      return catchUp(list, asking);
    }
    const text = await readText(answer, MAX_DOCUMENT_BYTES, timings.silence);
    if ((await reader.read(text)).isGap) throw new Error('the list does not begin at the position asked for');
  }

  async function open(url: string, accept: string, signal: AbortSignal): Promise<OpenedAnswer> {
    const answer = await deps.open(url, {
      headers: { accept, 'cache-control': 'no-cache' },
      timeout: timings.answer,
      signal,
    });
    if (answer.status === 200 || answer.status === 410) return answer;
    answer.close();
    throw new Error(`the answer has status ${answer.status}`);
  }

  return { catchUp, open };
}

/** The place of a list or stream, from a position on. */
export function addSince(place: string, position: string | undefined): string {
  if (position === undefined) return place;
  const url = new URL(place);
  url.searchParams.set('since', position);
  return url.href;
}
