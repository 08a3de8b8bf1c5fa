import { coversScope, type Scope } from '../../oauth/index.ts';
import type { AuthInfo } from '../requests/auth-info.ts';
import { schemeOf } from '../requests/bearer.ts';
import { BearerError } from '../requests/bearer-error.ts';
import { resourceMetadataUrl } from '../requests/protected-resource.ts';
import { type RefusalAnswer, refusalAnswer } from '../requests/refusal-answer.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import type { Verifier } from '../tokens/verifier.ts';
import { MAX_BODY_BYTES, parseMessages, readMessageBody, TOO_LARGE } from './message-body.ts';
import { type OperationScopes, readOperationScopes } from './operation-scopes.ts';

/** Who asks: a verified token, or what the MCP SDKs carry of it. */
export type TokenHolder = Pick<AccessToken, 'scope' | 'claims'> | Pick<AuthInfo, 'scopes' | 'extra'>;

/** Decides about every operation of an MCP server by the scopes it needs. */
export interface ToolScopes {
  /**
   * The `scopeChallenge` of tools, prompts and resources of the MCP SDK v2; one for all of them. Whoever has no token is
   * challenged too.
   */
  readonly scopeChallenge: (context: {
    readonly request: { readonly method: string; readonly params?: unknown };
    readonly authInfo?: { readonly scopes: readonly string[] };
  }) => { scopes: [string, ...string[]]; errorDescription: string } | undefined;
  /** Everything a parsed body needs, a message or a batch. @throws TypeError for bytes and for `undefined`: parse first. */
  required(body: unknown): Scope;
  /** Whether a token may use a tool, for lists that leave out what it may not. */
  allowsTool(name: string, holder: TokenHolder): boolean;
  /**
   * The answer to a parsed body (`req.body`) that needs more than its sender was granted: 403 with one challenge for all of it
   * (RFC 6750 §3.1), 401 without a token; `undefined` for what may pass.
   * @throws TypeError for bytes and for `undefined`: the body parser stands before.
   */
  refusal(body: unknown, holder: TokenHolder | undefined): RefusalAnswer | undefined;
  /**
   * The same for a web request whose body nobody has read yet, and which can still be read afterwards. A body that is larger
   * than it may be is answered with 413.
   */
  gate(request: Request, holder: TokenHolder | undefined): Promise<Response | undefined>;
}

/** What operations need, and who knows which scope implies which. */
export interface ToolScopesOptions extends OperationScopes {
  readonly verifier: Pick<Verifier, 'implies' | 'resource'> & Partial<Pick<Verifier, 'dpop'>>;
  /** The `resource_metadata` of challenges; by default the well-known URL of the verifier's resource. */
  readonly resourceMetadataUrl?: string;
  /** What `gate` reads at most, in bytes; by default 4 MiB. */
  readonly maxBodyBytes?: number;
}

/**
 * Scopes by tool, prompt, resource and method. What an operation needs is read from its JSON-RPC message, and the challenge
 * names that and nothing else: the same operation gets the same challenge, whatever the token has (MCP 2026-07-28, SEP-2350).
 *
 * @example
 * ```ts
 * import { toolScopes } from 'guardmint/resource';
 *
 * const scopes = toolScopes({ verifier, tools: { 'files.delete': ['files:write'], 'files.list': [] }, default: ['files:read'] });
 * ```
 * @throws TypeError for what is no scope of a resource.
 */
export function toolScopes(options: ToolScopesOptions): ToolScopes {
  const { verifier, maxBodyBytes = MAX_BODY_BYTES } = options;
  const metadataUrl = options.resourceMetadataUrl ?? resourceMetadataUrl(verifier.resource);
  const readScopes = readOperationScopes(options);

  function required(body: unknown): Scope {
    if (body === undefined || body instanceof Uint8Array || body instanceof ArrayBuffer)
      throw new TypeError('body: the parsed JSON of the request; the body parser stands before');
    return readScopes(typeof body === 'string' ? parseMessages(body) : body);
  }

  function isCovered(granted: Scope, needed: Scope): boolean {
    return coversScope(granted, needed, verifier.implies);
  }

  function answer(needed: Scope, holder: TokenHolder | undefined): RefusalAnswer | undefined {
    if (holder !== undefined && isCovered(grantedTo(holder), needed)) return undefined;
    const error =
      holder === undefined
        ? new BearerError(undefined)
        : new BearerError('insufficient_scope', { requiredScopes: needed, scheme: schemeOf(claimsOf(holder)) });
    return refusalAnswer(error, { requiredScopes: needed, resourceMetadataUrl: metadataUrl, dpop: verifier.dpop });
  }

  return {
    required,
    refusal: (body, holder) => answer(required(body), holder),
    allowsTool: (name, holder) => isCovered(grantedTo(holder), readScopes({ method: 'tools/call', params: { name } })),

    scopeChallenge({ request, authInfo }) {
      const [first, ...others] = readScopes(request);
      if (first === undefined || isCovered(authInfo?.scopes ?? [], [first, ...others])) return undefined;
      return { scopes: [first, ...others], errorDescription: new BearerError('insufficient_scope').message };
    },

    async gate(request, holder) {
      const body = await readMessageBody(request, maxBodyBytes);
      if (body === TOO_LARGE) return tooLarge();
      const refusal = answer(readScopes(body), holder);
      return refusal && Response.json(refusal.body, { status: refusal.status, headers: refusal.headers });
    },
  };
}

function grantedTo(holder: TokenHolder): Scope {
  return 'scopes' in holder ? holder.scopes : holder.scope;
}

function claimsOf(holder: TokenHolder): Pick<AccessToken, 'claims'> {
  return 'extra' in holder ? holder.extra : holder;
}

function tooLarge(): Response {
  const body = { error: 'invalid_request', error_description: 'The request is too large.' };
  return Response.json(body, { status: 413, headers: { 'Cache-Control': 'no-store' } });
}
