import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import {
  isJsonObject,
  type JsonObject,
  parseJsonObject,
  type Seconds,
  UnavailableError,
} from '../../../oauth/index.ts';

export interface VaultClientOptions {
  /** Where Vault or OpenBao is: `https://vault.example.com:8200`. */
  readonly address: string;
  /** A file with the token, alone in its first line. Read again when Vault refuses what it held. */
  readonly tokenFile: string;
  /** The namespace (`X-Vault-Namespace`), where there are some. */
  readonly namespace?: string;
  /** A file with the certificates (PEM) that the server's must be under, instead of those of Node. */
  readonly caFile?: string;
}

/** The HTTP API of Vault (`/v1/…`), authenticated and with a token that is kept alive. */
export interface VaultClient {
  /**
   * Answers the body of a success; an empty one as an empty object.
   * @throws VaultFault for an answer that concerns the request; UnavailableError for any other.
   */
  call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    options: { body?: JsonObject; signal: AbortSignal },
  ): Promise<JsonObject>;
  close(): Promise<void>;
}

/** Vault answered 400 or 404. The message is Vault's own and names paths, never secrets. */
export class VaultFault extends Error {
  override readonly name = 'VaultFault';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const MAX_ANSWER_BYTES = 1_048_576;
const CONNECT_TIMEOUT_MS = 1_000;
/** Before a renewal that failed is tried again. */
const RENEWAL_PAUSE: Seconds = 15;

export function createVaultClient(options: VaultClientOptions): VaultClient {
  const base = `${options.address.replace(/\/+$/, '')}/v1/`;
  let agent: Promise<Agent> | undefined;
  let token: Promise<string> | undefined;
  let renewal: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function openAgent(): Promise<Agent> {
    const ca = options.caFile === undefined ? undefined : await readOwnFile(options.caFile, 'CA of Vault');
    return new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS, ...(ca !== undefined && { ca }) } });
  }

  /** The token of the file, from which on it is renewed. */
  function openToken(): Promise<string> {
    token ??= readOwnFile(options.tokenFile, 'token of Vault').then((text) => {
      const read = text.split(/\r?\n/, 1)[0] ?? '';
      void keepAlive(read);
      return read;
    });
    const opening = token;
    opening.catch(() => {
      if (token === opening) token = undefined;
    });
    return opening;
  }

  async function send(
    method: string,
    path: string,
    vaultToken: string,
    { body, signal }: { body?: JsonObject; signal?: AbortSignal },
  ): Promise<{ readonly status: number; readonly content: JsonObject }> {
    agent ??= openAgent();
    const opening = agent;
    try {
      const answer = await request(base + path, {
        method: method as 'GET',
        dispatcher: await opening,
        headers: {
          'x-vault-token': vaultToken,
          'x-vault-request': 'true',
          ...(options.namespace !== undefined && { 'x-vault-namespace': options.namespace }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal !== undefined && { signal }),
      });
      const text = await readText(answer.body);
      return { status: answer.statusCode, content: text === '' ? {} : (parseJsonObject(text) ?? {}) };
    } catch (error) {
      if (agent === opening && error instanceof UnavailableError) agent = undefined;
      throw error instanceof UnavailableError ? error : new UnavailableError('Vault', { cause: error });
    }
  }

  async function call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    request: { body?: JsonObject; signal: AbortSignal },
  ): Promise<JsonObject> {
    if (isClosed) throw new UnavailableError('Vault');
    const used = await openToken();
    let answer = await send(method, path, used, request);
    if (answer.status === 403) {
      // It may have expired, and somebody (an agent) may have put another one there.
      token = undefined;
      const fresh = await openToken();
      if (fresh !== used) answer = await send(method, path, fresh, request);
    }
    const { status, content } = answer;
    if (status >= 200 && status < 300) return content;
    const errors = Array.isArray(content['errors']) ? content['errors'].join('; ') : '';
    if (status === 400 || status === 404) throw new VaultFault(status, errors);
    // 503 sealed or in standby, 429 over a quota, 403 without the right, 5xx.
    throw new UnavailableError('Vault', { cause: Object.assign(new Error(errors), { code: `http_${status}` }) });
  }

  /** Renews the token when half of its time is over, for as long as it is the one in use. */
  async function keepAlive(read: string): Promise<void> {
    clearTimeout(renewal);
    try {
      const { content } = await send('GET', 'auth/token/lookup-self', read, {});
      const data = isJsonObject(content['data']) ? content['data'] : {};
      if (data['renewable'] === true && typeof data['ttl'] === 'number' && data['ttl'] > 0)
        renewIn(data['ttl'] / 2, read);
    } catch {
      renewIn(RENEWAL_PAUSE, read);
    }
  }

  async function renew(read: string): Promise<void> {
    try {
      const { content } = await send('POST', 'auth/token/renew-self', read, { body: {} });
      const auth = isJsonObject(content['auth']) ? content['auth'] : {};
      const duration = auth['lease_duration'];
      if (typeof duration === 'number' && duration > 0) renewIn(duration / 2, read);
    } catch {
      renewIn(RENEWAL_PAUSE, read);
    }
  }

  function renewIn(seconds: Seconds, read: string): void {
    clearTimeout(renewal);
    if (isClosed) return;
    // A timer holds 2^31 milliseconds at most.
    renewal = setTimeout(() => void renew(read), Math.min(seconds * 1000, 2 ** 31 - 1)).unref();
  }

  return {
    call,
    async close() {
      isClosed = true;
      clearTimeout(renewal);
      await (await agent?.catch(() => undefined))?.destroy();
    },
  };
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new UnavailableError('Vault', { cause: new Error('the answer is too long') });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readOwnFile(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UnavailableError(what, { cause: error });
  }
}
