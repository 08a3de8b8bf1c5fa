import { createStreamEnd, isEventStream, type StreamEndOptions } from './stream-end.ts';

/**
 * The response, whose stream of events ends when the token it was opened with does (MCP: authorization on every request): at
 * once when a revocation is heard of, and at the expiry. What produces the stream is cancelled. An answer that is no stream of
 * events stays as it is.
 *
 * Clients of the MCP SDKs come back by themselves where they listen: 401 then makes them refresh, or sign in again.
 *
 * @example
 * ```ts
 * import { endWithToken } from 'guardmint/resource';
 *
 * return endWithToken(await handler.fetch(request, { authInfo }), { verifier, accessToken, body });
 * ```
 */
export function endWithToken(response: Response, options: StreamEndOptions): Response {
  if (response.body === null || !isEventStream(response.headers.get('content-type'))) return response;
  const reader = response.body.getReader();
  const encoder = new TextEncoder();
  let isEnded = false;
  let sending: ReadableStreamDefaultController<Uint8Array> | undefined;

  const streamEnd = createStreamEnd(options, (lastText) => {
    isEnded = true;
    if (lastText !== '') sending?.enqueue(encoder.encode(lastText));
    sending?.close();
    // What fails to be cancelled has ended, which is all that is wanted.
    reader.cancel().catch(() => undefined);
  });

  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      sending = controller;
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (isEnded) return;
        if (!done) {
          streamEnd.see(value);
          controller.enqueue(value);
          return;
        }
        streamEnd.stop();
        controller.close();
      } catch (error) {
        streamEnd.stop();
        if (!isEnded) controller.error(error);
      }
    },
    cancel(reason) {
      streamEnd.stop();
      return reader.cancel(reason);
    },
  });
  return new Response(stream, response);
}
