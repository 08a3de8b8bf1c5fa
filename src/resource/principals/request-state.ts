import type { Seconds } from '../../oauth/index.ts';
import type { Binding, BindingContext } from './binding.ts';
import { principalOf } from './principal.ts';

/** What the MCP SDK v2 knows of a request: its `ServerContext`, as far as it is needed. */
export interface RequestContext {
  readonly mcpReq: { readonly method: string };
  readonly http?: {
    readonly authInfo?: { readonly clientId: string; readonly extra?: Readonly<Record<string, unknown>> };
  };
}

/** What `requestState` is made and known again with. */
export interface RequestStateCodec {
  /** For `inputRequired({ requestState })`. @throws Error for a request without a token. */
  mint(payload: unknown, context: RequestContext): Promise<string>;
  /** For the `requestState.verify` of a server: throws for what is not of this principal, method and context. */
  verify(state: string, context: RequestContext): Promise<unknown>;
}

/**
 * The `requestState` of multi-round-trip requests (SEP-2322), bound to the principal of the token, to the method and, with
 * `contextOf`, to what else is the same in every round. It can be read by the client, and comes back as often as the client
 * likes.
 *
 * @example
 * ```ts
 * import { McpServer } from '@modelcontextprotocol/server';
 * import { requestStateCodec } from 'guardmint/resource/mcp';
 *
 * const codec = requestStateCodec({ binding });
 * const server = new McpServer({ name: 'files', version: '1.0.0' }, { requestState: { verify: codec.verify } });
 * ```
 * @param options.lifetime seconds; by default ten minutes.
 */
export function requestStateCodec<Context extends RequestContext = RequestContext>(options: {
  readonly binding: Binding;
  readonly lifetime?: Seconds;
  readonly contextOf?: (context: Context) => string;
}): RequestStateCodec {
  const { binding, lifetime = 600, contextOf } = options;

  function boundTo(context: RequestContext): BindingContext {
    const { clientId, extra } = context.http?.authInfo ?? {};
    const { iss, sub } = extra ?? {};
    if (clientId === undefined || typeof iss !== 'string' || typeof sub !== 'string')
      throw new Error('requestState needs a request with a verified token');
    return {
      principal: principalOf({ clientId, extra: { iss, sub } }),
      purpose: `requestState ${context.mcpReq.method}`,
      ...(contextOf !== undefined && { context: contextOf(context as Context) }),
    };
  }

  return {
    mint: async (payload, context) => binding.issue(payload, { ...boundTo(context), lifetime }),
    async verify(state, context) {
      const payload = await binding.open(state, boundTo(context));
      if (payload === undefined) throw new Error('requestState is not of this principal and request, or has ended');
      return payload;
    },
  };
}
