import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { createStreamEnd, isEventStream, type StreamEndOptions } from './stream-end.ts';

const encoder = new TextEncoder();

/**
 * Ends the response, where it becomes a stream of events, when the token it was opened with does (MCP: authorization on every
 * request): at once when a revocation is heard of, and at the expiry. What writes to it later writes into nothing, and sees it
 * close. An answer that is no stream of events stays as it is. Call it before anything is written.
 *
 * Clients of the MCP SDKs come back by themselves where they listen: 401 then makes them refresh, or sign in again.
 *
 * @example
 * ```ts
 * import { endWithToken } from 'guardmint/resource/node';
 *
 * app.all('/mcp', async (request, response) => {
 *   endWithToken(response, { verifier, accessToken, body: request.body });
 *   await transport.handleRequest(request, response, request.body);
 * });
 * ```
 */
export function endWithToken(response: ServerResponse, options: StreamEndOptions): void {
  const { write, end, writeHead, flushHeaders } = response;
  let writtenType: string | undefined;
  let lastText: string | undefined;
  let isEnded = false;

  const streamEnd = createStreamEnd(options, (text) => {
    lastText = text;
    endStream();
  });
  response.once('close', streamEnd.stop);

  function isDue(): boolean {
    return lastText !== undefined && isEventStream(writtenType ?? String(response.getHeader('content-type')));
  }

  /** Ends a stream whose token has ended, at its very beginning too: the token may have been quicker. */
  function endStream(): void {
    if (isEnded || !response.headersSent || !isDue()) return;
    isEnded = true;
    end.call(response, lastText, 'utf8');
  }

  // Headers that are given to `writeHead` alone can be read nowhere else.
  response.writeHead = function seeHead(...head: readonly unknown[]): ServerResponse {
    writtenType = contentTypeIn(head.at(-1)) ?? writtenType;
    Reflect.apply(writeHead, response, head);
    endStream();
    return response;
  } as ServerResponse['writeHead'];

  response.flushHeaders = function seeFlush(): void {
    flushHeaders.call(response);
    endStream();
  };

  response.write = function seeChunk(chunk: unknown, ...rest: readonly unknown[]): boolean {
    if (isDue()) response.flushHeaders();
    if (isEnded) return goNowhere(rest);
    if (typeof chunk === 'string') streamEnd.see(encoder.encode(chunk));
    else if (chunk instanceof Uint8Array) streamEnd.see(chunk);
    return Reflect.apply(write, response, [chunk, ...rest]) as boolean;
  } as ServerResponse['write'];

  response.end = function seeEnd(...last: readonly unknown[]): ServerResponse {
    if (isEnded) goNowhere(last);
    else Reflect.apply(end, response, last);
    return response;
  } as ServerResponse['end'];
}

function goNowhere(rest: readonly unknown[]): true {
  const told = rest.at(-1);
  if (typeof told === 'function') queueMicrotask(() => void told());
  return true;
}

function contentTypeIn(headers: unknown): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const entries = Array.isArray(headers)
    ? headers.map((value, index) => [value, headers[index + 1]] as const).filter((_, index) => index % 2 === 0)
    : Object.entries(headers as OutgoingHttpHeaders);
  const found = entries.find(([name]) => String(name).toLowerCase() === 'content-type')?.[1] as OutgoingHttpHeader;
  return found === undefined ? undefined : String(found);
}
