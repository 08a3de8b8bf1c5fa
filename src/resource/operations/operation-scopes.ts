import { isJsonObject, type JsonObject, type Scope } from '../../oauth/index.ts';
import { checkResourceScopes } from '../requests/protected-resource.ts';

/** What the operations of an MCP server need beyond a valid token. */
export interface OperationScopes {
  /** Tool name → what its `tools/call` needs; an empty list for nothing. */
  readonly tools?: Readonly<Record<string, Scope>>;
  /** Prompt name → what its `prompts/get` and the completion of its arguments need. */
  readonly prompts?: Readonly<Record<string, Scope>>;
  /**
   * Resource URI, or the beginning of one with `*` after it → what reading it, subscribing to it and the completion of its
   * variables need. The longest key that fits decides.
   */
  readonly resources?: Readonly<Record<string, Scope>>;
  /** Method → what it needs, beside what its tool, prompt or resource needs. */
  readonly methods?: Readonly<Record<string, Scope>>;
  /** What tools, prompts and resources need that are not named here. */
  readonly default: Scope;
}

/** The scopes a parsed body of the MCP endpoint needs, each once: all of a batch together; none for what is no message. */
export type OperationReader = (body: unknown) => Scope;

/**
 * Reads what an operation needs from its JSON-RPC message alone (MCP 2026-07-28, Server Validation). Headers that repeat parts
 * of it are never looked at.
 * @throws TypeError for what is no scope of a resource.
 */
export function readOperationScopes(scopes: OperationScopes): OperationReader {
  for (const table of [scopes.tools, scopes.prompts, scopes.resources, scopes.methods, { default: scopes.default }])
    for (const scope of Object.values(table ?? {})) checkResourceScopes(scope);
  const tools = new Map(Object.entries(scopes.tools ?? {}));
  const prompts = new Map(Object.entries(scopes.prompts ?? {}));
  const methods = new Map(Object.entries(scopes.methods ?? {}));
  const exact = new Map(Object.entries(scopes.resources ?? {}).filter(([key]) => !key.endsWith('*')));
  const prefixes = Object.entries(scopes.resources ?? {})
    .filter(([key]) => key.endsWith('*'))
    .map(([key, scope]) => [key.slice(0, -1), scope] as const)
    .toSorted(([one], [other]) => other.length - one.length);

  function ofMessage(message: unknown): Scope {
    if (!isJsonObject(message) || typeof message['method'] !== 'string') return [];
    const params = isJsonObject(message['params']) ? message['params'] : {};
    return [...(methods.get(message['method']) ?? []), ...ofTarget(message['method'], params)];
  }

  function ofTarget(method: string, params: JsonObject): Scope {
    switch (method) {
      case 'tools/call':
        return named(tools, params['name']);
      case 'prompts/get':
        return named(prompts, params['name']);
      case 'resources/read':
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return ofResource(params['uri']);
      case 'completion/complete':
        return ofReference(params['ref']);
      case 'subscriptions/listen':
        return ofSubscription(params['notifications']);
      default:
        return [];
    }
  }

  function named(table: ReadonlyMap<string, Scope>, name: unknown): Scope {
    return (typeof name === 'string' ? table.get(name) : undefined) ?? scopes.default;
  }

  function ofReference(reference: unknown): Scope {
    if (!isJsonObject(reference)) return scopes.default;
    return reference['type'] === 'ref/prompt' ? named(prompts, reference['name']) : ofResource(reference['uri']);
  }

  function ofSubscription(filter: unknown): Scope {
    const uris = isJsonObject(filter) ? filter['resourceSubscriptions'] : undefined;
    return Array.isArray(uris) ? uris.flatMap(ofResource) : [];
  }

  /** What every spelling needs that a server may take the URI for. */
  function ofResource(uri: unknown): Scope {
    return typeof uri === 'string' ? spellings(uri).flatMap(ofSpelling) : scopes.default;
  }

  function ofSpelling(uri: string): Scope {
    return exact.get(uri) ?? prefixes.find(([prefix]) => uri.startsWith(prefix))?.[1] ?? scopes.default;
  }

  return (body) => [...new Set(Array.isArray(body) ? body.flatMap(ofMessage) : ofMessage(body))];
}

/**
 * A URI as it was sent, as the URL standard has it, without what names no other resource, and without its percent-encoding:
 * each form once.
 */
function spellings(uri: string): readonly string[] {
  const parsed = URL.parse(uri)?.href ?? uri;
  const place = withoutPart(parsed);
  const decoded = decode(place);
  return [...new Set([uri, parsed, place, withoutPart(URL.parse(decoded)?.href ?? decoded), decoded])];
}

/** Without the fragment (RFC 3986 §3.5), and of a file without the query, which paths do not have. */
function withoutPart(uri: string): string {
  return uri.replace(/^file:/i.test(uri) ? /[?#].*$/s : /#.*$/s, '');
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/** One octet that is no UTF-8, in the query say, keeps nobody from decoding the rest. */
function decode(uri: string): string {
  return uri.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
    lenient.decode(Uint8Array.from(run.slice(1).split('%'), (octet) => Number.parseInt(octet, 16))),
  );
}
