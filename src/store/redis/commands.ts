import { createHash } from 'node:crypto';
import { UnavailableError } from '../../oauth/index.ts';
import { nodesSettled, type RedisClient, withinTime } from './client.ts';

/** A Lua script: one decision, made inside Redis. */
export interface Script {
  readonly source: string;
  /** SHA-1 of the source, by which EVALSHA knows it. */
  readonly sha: string;
}

export type Argument = string | number;

/** One connection as the rest of the driver sees it. Every fault is an `UnavailableError`, and comes soon. */
export interface RedisCommands {
  call(command: string, ...args: readonly Argument[]): Promise<unknown>;
  /** Runs a script: by its digest, and by its text on a server that does not have it. */
  evaluate(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>;
}

// `now` in every script: the clock of the Redis that decides. A first argument that is not empty stands in its place.
const PRELUDE = `
local clock = redis.call('TIME')
local now = tonumber(ARGV[1]) or tonumber(clock[1])
`;

/** A script in which `now` is the store's clock in seconds, or the first argument where there is one. */
export function createScript(body: string): Script {
  const source = PRELUDE + body;
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/** `inDoubt`: what every command waits for, where there is something. */
export function createCommands(
  client: RedisClient,
  commandTimeout: number,
  inDoubt?: () => Promise<void> | undefined,
): RedisCommands {
  async function send(command: string, args: readonly Argument[]): Promise<unknown> {
    const doubt = client.status === 'ready' ? inDoubt?.() : undefined;
    if (doubt !== undefined) await doubt;
    const settling = nodesSettled(client);
    if (settling !== undefined) await settling;
    return client.call(command, [...args]);
  }

  async function bounded(answer: Promise<unknown>): Promise<unknown> {
    try {
      return await withinTime(answer, commandTimeout);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async function evaluateAnyhow(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await send('evalsha', [script.sha, ...rest]);
    } catch (error) {
      if (!isScriptMissing(error)) throw error;
      return send('eval', [script.source, ...rest]);
    }
  }

  return {
    call: (command, ...args) => bounded(send(command, args)),
    evaluate: (script, keys, args) => bounded(evaluateAnyhow(script, keys, args)),
  };
}

export function isScriptMissing(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

/** The fault of the port. Of the cause only the words are kept: errors of the client carry the command, AUTH included. */
export function unavailable(cause: unknown): UnavailableError {
  if (cause instanceof UnavailableError) return cause;
  return new UnavailableError('store', { cause: new Error(cause instanceof Error ? cause.message : String(cause)) });
}
