/** What a body is that is larger than it may be. */
export const TOO_LARGE = Symbol('too large');

/** What the MCP SDK v2 reads of a body. */
export const MAX_BODY_BYTES = 4_194_304;

/**
 * The JSON in the body of a request, which its owner can still read. `undefined` for no body and for what is no JSON. Reads as
 * `request.json()` does: UTF-8, whatever the headers say.
 */
export async function readMessageBody(request: Request, maxBytes: number): Promise<unknown> {
  const text = await readText(request, maxBytes);
  return typeof text === 'string' ? parseMessages(text) : text;
}

/**
 * The JSON-RPC message or batch in the body of a request, for the `body` of `endWithToken`; the body can still be read
 * afterwards. `undefined` for no body, no JSON, and more than `maxBytes` (4 MiB).
 */
export async function readMessages(request: Request, maxBytes = MAX_BODY_BYTES): Promise<unknown> {
  const body = await readMessageBody(request, maxBytes);
  return body === TOO_LARGE ? undefined : body;
}

/** JSON or, for what is none, `undefined`. */
export function parseMessages(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function readText(request: Request, maxBytes: number): Promise<string | typeof TOO_LARGE | undefined> {
  if (Number(request.headers.get('content-length')) > maxBytes) return TOO_LARGE;
  const body = request.clone().body;
  if (body === null) return undefined;
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = '';
  let bytes = 0;
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    bytes += chunk.value.byteLength;
    if (bytes > maxBytes) {
      // Settles only when the owner gives up its branch too; cutting the sender off would cost it the answer.
      reader.cancel().catch(() => undefined);
      return TOO_LARGE;
    }
    text += decoder.decode(chunk.value, { stream: true });
  }
  return text + decoder.decode();
}
