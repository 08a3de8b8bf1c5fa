import { coversScope, type Scope } from '../../oauth/index.ts';
import type { Verifier } from '../tokens/verifier.ts';
import { type AuthContext, getAuthContext } from './auth-context.ts';
import { type AuthInfo, createAuthInfo } from './auth-info.ts';
import { authenticate, hasProof, type RequestHeaders, schemeOf, type TokenVerifier } from './bearer.ts';
import { BearerError } from './bearer-error.ts';
import type { ChallengeOptions } from './challenge.ts';
import { type HttpAnswer, writeRefusal } from './http-answer.ts';
import { checkResourceScopes, requestUrl, resourceMetadataUrl } from './protected-resource.ts';
import { refusalAnswer } from './refusal-answer.ts';

/** How requests are authenticated. `Message` is what the framework calls a request. */
export interface BearerAuthOptions<Message> {
  readonly verifier: TokenVerifier & Pick<Verifier, 'resource'> & Partial<Pick<Verifier, 'dpopNonce'>>;
  /** The `resource_metadata` of challenges; by default the well-known URL of the verifier's resource. */
  readonly resourceMetadataUrl?: string;
  /**
   * The URL of a request as clients know it, which DPoP proofs name; by default the origin of the resource and the path of
   * the request. For servers behind a proxy that changes paths.
   */
  readonly requestUrl?: (request: Message) => string;
}

/** A request as a gate reads it, whatever it came through. Its body stays where it is. */
export interface ArrivingRequest<Message> {
  /** What the framework calls the request; what is found out about it is kept by this object. */
  readonly message: Message;
  readonly method: string;
  /** What was asked for: a path with its query, or a URL. */
  readonly target: string;
  readonly headers: RequestHeaders;
}

/** A request that may go on, in the context that is to be run in. */
export interface Judged {
  readonly context: AuthContext;
  readonly refused?: undefined;
}

/** What was found out about a request that may go on: its sender, or that it has none. */
export interface Admitted extends Judged {
  /** The same for the MCP SDKs; `undefined` for nobody. */
  readonly authInfo: AuthInfo | undefined;
  /** What its answer must carry, whatever it will be. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A request that ends here. */
export interface Refused {
  readonly refused: HttpAnswer;
}

const NO_HEADERS = {};
// By the request itself, because the context of the call chain is lost where a body parser or a framework lets go of it.
const admissions = new WeakMap<object, Admitted>();

/**
 * Finds out who sends requests. Nobody may go on too: what needs somebody says so by `judgeScopes`. Only a token that
 * cannot be judged now is refused, with 503.
 * The function it makes throws what is neither a refusal nor an outage.
 */
export function createAuthentication<Message extends object>(
  options: BearerAuthOptions<Message>,
): (request: ArrivingRequest<Message>) => Promise<Admitted | Refused> {
  const { verifier, resourceMetadataUrl: metadataUrl = resourceMetadataUrl(verifier.resource) } = options;
  const guard = { verifier, resourceMetadataUrl: metadataUrl };

  return async function admit({ message, method, target, headers }) {
    // Only a proof makes the URL matter.
    const isProving = hasProof(headers);
    const url = isProving ? (options.requestUrl?.(message) ?? requestUrl(verifier.resource, target)) : '';
    let admitted: Admitted;
    try {
      const user = await authenticate(headers, { verifier, request: { method, url } });
      const nonce = isProving ? verifier.dpopNonce?.() : undefined;
      admitted = {
        context: { user, guard },
        authInfo: createAuthInfo(user.accessToken, verifier.implies, metadataUrl),
        headers: nonce === undefined ? NO_HEADERS : { 'DPoP-Nonce': nonce },
      };
    } catch (error) {
      if (!(error instanceof BearerError)) return { refused: answerTo(error, {}) };
      admitted = { context: { user: undefined, refusal: error, guard }, authInfo: undefined, headers: NO_HEADERS };
    }
    admissions.set(message, admitted);
    return admitted;
  };
}

/**
 * Lets a request go on whose sender was granted all of `scopes`; with none, whoever is authenticated. Others get 401, or
 * 403 naming the scopes of this operation (RFC 6750 §3.1).
 * @throws TypeError for a scope a resource must not ask for. The function it makes: Error where nobody was looked for.
 */
export function createScopeGate(scopes: Scope): (message: object) => Judged | Refused {
  checkResourceScopes(scopes);

  return function judge(message) {
    const context = admissions.get(message)?.context ?? getAuthContext();
    if (context?.guard === undefined) throw new Error('requireScopes needs bearerAuth before it');
    const { user, refusal, guard } = context;
    const { resourceMetadataUrl: metadataUrl, verifier } = guard;
    if (user !== undefined && coversScope(user.scopes, scopes, verifier.implies)) return { context };
    const error =
      user === undefined
        ? refusal
        : new BearerError('insufficient_scope', { requiredScopes: scopes, scheme: schemeOf(user.accessToken) });
    const about = { requiredScopes: scopes, resourceMetadataUrl: metadataUrl, dpop: verifier.dpop };
    return { refused: answerTo(error, about) };
  };
}

/** What was found out about a request; `undefined` where nobody looked. */
export function admissionOf(message: object): Admitted | undefined {
  return admissions.get(message);
}

function answerTo(error: unknown, options: ChallengeOptions): HttpAnswer {
  const answer = refusalAnswer(error, options);
  if (answer === undefined) throw error;
  return writeRefusal(answer);
}
