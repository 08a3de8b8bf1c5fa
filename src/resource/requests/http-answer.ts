/** An answer in full, before a framework gives it its own form. Without `body` it has none. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A refusal as it is written: its members as JSON. */
export function writeRefusal(refusal: {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}): HttpAnswer {
  const { status, headers, body } = refusal;
  return { status, headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

/** The answer as a web `Response`. */
export function toResponse({ status, headers, body }: HttpAnswer): Response {
  return new Response(body ?? null, { status, headers });
}
