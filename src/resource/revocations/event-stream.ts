/** One server-sent event with data. */
export interface ServerSentEvent {
  readonly data: string;
}

/**
 * Reads server-sent events (HTML Living Standard §9.2.6) from the chunks of an answer, as they come. Comments and events
 * without data are passed over. Ends when the chunks end; an event that is cut off is none.
 * @throws Error when one event is longer than `maxLength` characters or the text is no UTF-8.
 */
export async function* readEvents(
  chunks: AsyncIterable<Uint8Array>,
  maxLength: number,
): AsyncGenerator<ServerSentEvent, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line: string[] = [];
  let data: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const pieces = decoder.decode(chunk, { stream: true }).split('\n');
    for (const [index, piece] of pieces.entries()) {
      line.push(piece);
      length += piece.length;
      if (length > maxLength) throw new Error('an event is too long');
      if (index === pieces.length - 1) break;
      const text = line.join('').replace(/\r$/, '');
      line = [];
      if (text !== '') {
        const value = readData(text);
        if (value !== undefined) data.push(value);
        continue;
      }
      if (data.length > 0) yield { data: data.join('\n') };
      data = [];
      length = 0;
    }
  }
}

function readData(line: string): string | undefined {
  return /^data(?:: ?|$)/.test(line) ? line.replace(/^data(?:: ?)?/, '') : undefined;
}
