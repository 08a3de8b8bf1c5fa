import type { Answer } from './history.ts';

/** An answer with what a client reads of it. */
export interface Read extends Answer {
  readonly start: number;
  readonly end: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const PATIENCE = 15_000;

/** Sends a form as a client does that gives up after a while. A request that got no answer has status 0. */
export async function postForm(url: string, form: Readonly<Record<string, string>>): Promise<Read> {
  const start = performance.now();
  try {
    const response = await fetch(url, {
      method: 'POST',
      body: new URLSearchParams(form),
      signal: AbortSignal.timeout(PATIENCE),
    });
    const text = await response.text();
    return { ...answerOf(response), ...readBody(text), start, end: performance.now() };
  } catch {
    return { status: 0, body: {}, start, end: performance.now() };
  }
}

export function answerOf(response: Response): Answer {
  return { status: response.status, hasRetryAfter: response.headers.get('retry-after') !== null };
}

function readBody(text: string): { body: Record<string, unknown>; error?: string } {
  try {
    const body = JSON.parse(text) as Record<string, unknown>;
    return { body, ...(typeof body['error'] === 'string' && { error: body['error'] }) };
  } catch {
    return { body: {} };
  }
}
