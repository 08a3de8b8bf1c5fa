/** One answered request, for a log line. */
export interface RequestDescription {
  readonly requestId: string;
  readonly method: string;
  /** The route template (`/token`), never the path: a path is the caller's text. */
  readonly route: string;
  /** Names of the query parameters, never their values. */
  readonly parameters?: readonly string[];
  readonly status: number;
  readonly milliseconds: number;
  readonly address: string;
  /** Why it was refused: a reason of the table of refusals. */
  readonly reason?: string;
}

const PARAMETER_NAME = /^[a-z][a-z0-9_]{0,39}$/;
const MAX_PARAMETERS = 30;

/**
 * What may be said about a request. Of the query only the names of parameters are kept, and of those only what can be
 * one: nothing a caller sends as a value, path or odd name reaches a log.
 */
export function describeRequest(
  request: Omit<RequestDescription, 'route' | 'parameters'> & {
    readonly route: string | undefined;
    readonly search: string;
  },
): RequestDescription {
  const { requestId, method, route = 'none', search, status, milliseconds, address, reason } = request;
  const names = [...new Set(new URLSearchParams(search).keys())].filter((name) => PARAMETER_NAME.test(name));
  return {
    requestId,
    method: /^[A-Z]{1,10}$/.test(method) ? method : 'other',
    route,
    ...(names.length > 0 && { parameters: names.slice(0, MAX_PARAMETERS) }),
    status,
    milliseconds: Math.round(milliseconds),
    address,
    ...(reason !== undefined && { reason }),
  };
}
