import { AsyncLocalStorage } from 'node:async_hooks';
import express, { type Response } from 'express';
import type { Context, Middleware } from 'koa';
import { createExpressResponse, type WrittenResponse } from './express-response.ts';

/** What providers of the SDK write to browsers, on its way to them. */
export interface BrowserAnswers {
  /** Stands before the routes, and sends the pages and cookies written below it. */
  readonly middleware: Middleware;
  /**
   * Has an Express response written. The address of a redirect; `undefined` for a page, which the middleware sends.
   * @throws Error for a page or a cookie where the middleware is not in use, and for no answer within 30 seconds
   */
  write(work: (response: Response) => Promise<void>): Promise<string | undefined>;
}

interface Exchange {
  readonly ctx: Context;
  written?: WrittenResponse;
}

const ANSWER_TIMEOUT = 30_000;
// Koa writes these for what it sends.
const OF_THE_MESSAGE = new Set(['connection', 'content-length', 'etag', 'keep-alive', 'transfer-encoding']);

export function createBrowserAnswers(): BrowserAnswers {
  const exchanges = new AsyncLocalStorage<Exchange>();
  const app = express();
  return {
    async middleware(ctx, next) {
      const exchange: Exchange = { ctx };
      await exchanges.run(exchange, next);
      if (exchange.written !== undefined) send(ctx, exchange.written);
    },

    async write(work) {
      const exchange = exchanges.getStore();
      const { response, written } = createExpressResponse(app, exchange?.ctx.req);
      const [answer] = await inTime(Promise.all([written, work(response)]));
      const location = redirectOf(answer);
      if (exchange !== undefined) exchange.written = answer;
      else if (location === undefined || answer.headers['set-cookie'] !== undefined)
        throw new Error(
          'authorize of the MCP SDK provider wrote a page or a cookie: use its middleware before the routes',
        );
      return location;
    },
  };
}

function redirectOf({ status, headers }: WrittenResponse): string | undefined {
  return status >= 300 && status < 400 ? headers.location : undefined;
}

/** Cookies always; status, headers and body where it is no redirect, which the endpoint has written with the issuer in it. */
function send(ctx: Context, answer: WrittenResponse): void {
  const { status, headers, body } = answer;
  // Express keeps a single cookie as text, whatever the types of Node say.
  for (const cookie of [headers['set-cookie'] ?? []].flat()) ctx.append('Set-Cookie', cookie);
  if (redirectOf(answer) !== undefined) return;
  ctx.remove('Location');
  ctx.status = status;
  ctx.body = body;
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name === 'set-cookie' || OF_THE_MESSAGE.has(name)) continue;
    ctx.set(name, Array.isArray(value) ? value : String(value));
  }
}

/** Whoever answers before `authorize` has returned, or after it, may take a while, and not for ever. */
async function inTime<T>(answering: Promise<T>): Promise<T> {
  const { promise, reject: fail } = Promise.withResolvers<never>();
  const late = () => fail(new Error('authorize of the MCP SDK provider answered nothing'));
  const timer = setTimeout(late, ANSWER_TIMEOUT);
  try {
    return await Promise.race([answering, promise]);
  } finally {
    clearTimeout(timer);
  }
}
