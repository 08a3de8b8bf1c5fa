import { connect } from 'node:net';

/** A request as its bytes will be: nothing is normalised, encoded, completed or refused on the way. */
export interface WireRequest {
  readonly method?: string;
  /** The request target, as it stands in the request line. */
  readonly target: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Uint8Array;
}

export interface WireAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** The one value of a header; a repeated header is a fault of the test. */
  header(name: string): string | undefined;
  readonly text: string;
  json(): unknown;
}

const DEADLINE = 10_000;

/** Sends one request over a connection of its own and reads its answer to the end. */
export async function send(origin: string, request: WireRequest): Promise<WireAnswer> {
  const method = request.method ?? 'GET';
  const answer = await exchange(origin, encode(origin, { ...request, method }));
  return parseAnswer(answer, method);
}

/** The bytes of a request, with the headers no request goes without where it does not say otherwise. */
export function encode(origin: string, request: WireRequest): Buffer {
  const body = Buffer.from(request.body ?? '');
  const given = request.headers ?? [];
  const has = (name: string) => given.some(([one]) => one.toLowerCase() === name);
  const headers = [
    ...(has('host') ? [] : [['Host', new URL(origin).host] as const]),
    ...(has('connection') ? [] : [['Connection', 'close'] as const]),
    ...(request.body === undefined || has('content-length') || has('transfer-encoding')
      ? []
      : [['Content-Length', String(body.length)] as const]),
    ...given,
  ];
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const line = `${request.method ?? 'GET'} ${request.target} HTTP/1.1\r\n`;
  return Buffer.concat([Buffer.from(`${line}${head}\r\n`), body]);
}

/**
 * Writes bytes to a connection and answers everything that comes back until the server closes it. With `more`, the caller
 * goes on writing.
 * @throws when the server leaves the connection open and silent for ten seconds.
 */
export async function exchange(origin: string, bytes: Uint8Array): Promise<Buffer> {
  const { hostname, port } = new URL(origin);
  const socket = connect({ host: hostname === 'localhost' ? '127.0.0.1' : hostname, port: Number(port) });
  return new Promise((resolve, fail) => {
    const chunks: Buffer[] = [];
    socket.setTimeout(DEADLINE, () => socket.destroy(new Error('the server neither answers nor closes')));
    socket.on('data', (chunk) => chunks.push(chunk));
    // A server that has answered may reset a connection whose request it did not read to the end.
    socket.on('error', (error) => (chunks.length > 0 ? resolve(Buffer.concat(chunks)) : fail(error)));
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    socket.write(bytes);
  });
}

/** Reads the first answer of a connection. */
export function parseAnswer(bytes: Buffer, method = 'GET'): WireAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`no answer: ${JSON.stringify(bytes.toString('latin1').slice(0, 200))}`);
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  const rest = bytes.subarray(end + 4);
  const body = method === 'HEAD' ? rest : bodyOf(rest, headers);
  const text = body.toString('utf8');
  return {
    status,
    headers,
    header(name) {
      const values = headers.get(name) ?? [];
      if (values.length > 1) throw new Error(`the answer repeats ${name}`);
      return values[0];
    },
    text,
    json: () => JSON.parse(text) as unknown,
  };
}

function bodyOf(rest: Buffer, headers: ReadonlyMap<string, readonly string[]>): Buffer {
  if (headers.get('transfer-encoding')?.[0] === 'chunked') return dechunk(rest);
  const length = headers.get('content-length')?.[0];
  return length === undefined ? rest : rest.subarray(0, Number(length));
}

function dechunk(bytes: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const line = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16);
    if (!(size > 0)) break;
    chunks.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return Buffer.concat(chunks);
}
