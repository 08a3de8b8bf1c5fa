import { decodeJwt } from 'jose';
import type { RevocationClaims } from '../../src/oauth/index.ts';

/** One server-sent event of the revocation stream. */
export interface RevocationEvent {
  readonly id: string;
  readonly text: string;
  readonly claims: RevocationClaims;
}

/** An open stream of revocations, read event by event. */
export interface EventReader extends AsyncDisposable {
  readonly response: Response;
  /** The next event; `undefined` when the stream has ended. */
  next(): Promise<RevocationEvent | undefined>;
}

/** Opens a stream as anybody may: by `fetch`, with a parser that knows no more than the fields it needs. */
export async function openEvents(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const closing = new AbortController();
  const response = await fetch(url, { headers, signal: closing.signal });
  const events = eventsOf(response);
  return {
    response,
    next: async () => (await events.next()).value,
    async [Symbol.asyncDispose]() {
      closing.abort();
      await events.return(undefined).catch(() => {});
    },
  };
}

async function* eventsOf(response: Response): AsyncGenerator<RevocationEvent, undefined> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map(
        text
          .slice(0, end)
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      text = text.slice(end + 2);
      const data = fields.get('data');
      if (data !== undefined) yield { id: fields.get('id') ?? '', text: data, claims: decodeJwt(data) };
    }
  }
  return undefined;
}
