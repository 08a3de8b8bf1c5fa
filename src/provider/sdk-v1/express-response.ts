import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Application, Request, Response } from 'express';

/** What was written to an Express response that never had a connection. */
export interface WrittenResponse {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

// Express gives each app a request and a response of its own to inherit from; its types leave them out.
type Prototypes = { readonly request: object; readonly response: object };

/**
 * An Express response whose content is kept instead of sent, with every method Express has: `redirect`, `cookie`, `send`,
 * `json`, `render`. Behind an Express app, `res.req` is that app's request (session, cookies) and `res.locals` its own.
 */
export function createExpressResponse(
  app: Application,
  received: IncomingMessage | undefined,
): { readonly response: Response; readonly written: Promise<WrittenResponse> } {
  const isBehindExpress = isExpressRequest(received);
  const request = isBehindExpress ? received : newRequest(app, received);
  const response = new ServerResponse(request) as Response;
  Object.setPrototypeOf(response, (request.app as Application & Prototypes).response);
  response.req = request;
  response.locals = request.res?.locals ?? {};
  if (!isBehindExpress) request.res = response;
  const chunks: Buffer[] = [];
  let isOver = false;
  const keep = (chunk: unknown, encoding: unknown) => {
    if (typeof chunk === 'string')
      chunks.push(Buffer.from(chunk, typeof encoding === 'string' ? asEncoding(encoding) : 'utf8'));
    else if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  };

  const written = new Promise<WrittenResponse>((resolve) => {
    Object.defineProperties(response, {
      headersSent: { get: () => isOver },
      writeHead: {
        value: (status: number, ...rest: unknown[]) => {
          response.statusCode = status;
          const headers = rest.at(-1);
          if (typeof headers === 'object' && headers !== null)
            for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
          return response;
        },
      },
      write: {
        value: (chunk: unknown, encoding?: unknown) => {
          keep(chunk, encoding);
          return true;
        },
      },
      end: {
        value: (chunk?: unknown, encoding?: unknown) => {
          if (isOver) return response;
          keep(chunk, encoding);
          const headers = response.getHeaders();
          isOver = true;
          resolve({ status: response.statusCode, headers, body: Buffer.concat(chunks) });
          response.emit('finish');
          return response;
        },
      },
    });
  });
  return { response, written };
}

function isExpressRequest(request: IncomingMessage | undefined): request is Request {
  return request !== undefined && 'app' in request && typeof request.app === 'function';
}

/** A request of its own, so that the prototype of the one Koa works with stays as it is. */
function newRequest(app: Application, received: IncomingMessage | undefined): Request {
  const request = new IncomingMessage(received?.socket ?? new Socket());
  request.method = received?.method ?? 'GET';
  request.url = received?.url ?? '/authorize';
  request.headers = { ...received?.headers };
  // What is written is never 304: nothing of it was sent before.
  delete request.headers['if-none-match'];
  delete request.headers['if-modified-since'];
  return Object.setPrototypeOf(request, (app as Application & Prototypes).request) as Request;
}

function asEncoding(text: string): BufferEncoding {
  return Buffer.isEncoding(text) ? text : 'utf8';
}
