/**
 * An MCP client of the SDK that keeps what it must in memory. In the demo its browser is a program; run by itself it prints
 * a link for yours, on this machine or another, and lists the tools of the server.
 *
 *   node examples/mcp-client.ts http://localhost:4001/mcp
 */
import { randomUUID } from 'node:crypto';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { authorizeByHand } from './by-hand.ts';
import type { Person } from './person.ts';

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
  readonly scope: string;
}

/** What the MCP SDK asks of a client: where it keeps its registration and tokens, and a browser. */
export interface Memory {
  readonly kept: {
    client?: { client_id: string };
    tokens?: Tokens;
    verifier?: string;
    location?: URL;
    discovery?: object;
  };
  readonly provider: never;
}

const CALLBACK = 'http://127.0.0.1:7777/callback';

export function createMemory(): Memory {
  const kept: Memory['kept'] = {};
  const provider = {
    redirectUrl: CALLBACK,
    clientMetadata: { client_name: 'guardmint demo', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' },
    state: () => randomUUID(),
    clientInformation: () => kept.client,
    saveClientInformation: (client: { client_id: string }) => Object.assign(kept, { client }),
    tokens: () => kept.tokens,
    saveTokens: (tokens: Tokens) => Object.assign(kept, { tokens }),
    redirectToAuthorization: (location: URL) => Object.assign(kept, { location }),
    saveCodeVerifier: (verifier: string) => Object.assign(kept, { verifier }),
    codeVerifier: () => kept.verifier ?? '',
    saveDiscoveryState: (discovery: object) => Object.assign(kept, { discovery }),
    discoveryState: () => kept.discovery,
  };
  return { kept, provider: provider as never };
}

/** Asks an MCP server, is sent to sign in, comes back with tokens. @throws Error when any of it does not happen. */
export async function signIn(resource: string, memory: Memory, person: Pick<Person, 'authorize'>): Promise<Tokens> {
  const transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider: memory.provider });
  const refusal = await new Client({ name: 'demo', version: '1' }).connect(transport).catch((error: unknown) => error);
  if (!(refusal instanceof Error)) throw new Error('expected the MCP server to ask for authorization');
  if (memory.kept.location === undefined) throw refusal;
  const callback = await person.authorize(memory.kept.location.href);
  await transport.finishAuth(callback.searchParams);
  if (memory.kept.tokens === undefined) throw new Error('no tokens were issued');
  return memory.kept.tokens;
}

/** Calls the tool of the example server, and answers the text it gave. */
export async function callTool(resource: string, memory: Memory): Promise<string> {
  const client = new Client({ name: 'demo', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(resource), { authProvider: memory.provider }));
  const answer = await client.callTool({ name: 'greet', arguments: { word: 'hello' } });
  await client.close();
  return String((answer.content as { text?: string }[])[0]?.text);
}

/** A plain request with a token, to see status and challenge. */
export async function present(resource: string, token: string): Promise<{ status: number; challenge: string }> {
  const response = await fetch(resource, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: '{}' });
  await response.body?.cancel();
  return { status: response.status, challenge: response.headers.get('www-authenticate') ?? '' };
}

if (import.meta.main) {
  const [resource = 'http://localhost:4001/mcp'] = process.argv.slice(2);
  const memory = createMemory();
  await signIn(resource, memory, { authorize: authorizeByHand });
  const client = new Client({ name: 'example', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(resource), { authProvider: memory.provider }));
  const { tools } = await client.listTools();
  for (const { name, description = '' } of tools) console.log(`${name}: ${description}`);
  await client.close();
}
