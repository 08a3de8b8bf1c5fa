/** Where Redis is, read from a URL. */
export interface RedisAddress {
  /** One server, a master found by its sentinels, or a cluster found by some of its nodes. */
  readonly form: 'standalone' | 'sentinel' | 'cluster';
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly isTls: boolean;
  /** Always 0 in a cluster. */
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  /** Sentinel only: the name of the master group, and who asks the sentinels. */
  readonly masterName?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
}

/** The URL of a Redis that cannot be used. Its message never repeats the URL, which may hold a password. */
export class RedisUrlError extends Error {
  override readonly name = 'RedisUrlError';
}

const FORM = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const HOST = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/;
const PARAMETERS = ['name', 'sentinelUsername', 'sentinelPassword'];

/**
 * Reads `redis://user:password@host:port/db`, `redis+sentinel://user:password@h1:p1,h2:p2/db?name=mymaster` or
 * `redis+cluster://h1:p1,h2:p2`; with `rediss` for TLS in each form. User and password are percent-encoded; those of the
 * sentinels are the parameters `sentinelUsername` and `sentinelPassword`. No I/O.
 *
 * @throws RedisUrlError
 */
export function parseRedisUrl(url: string): RedisAddress {
  const [, scheme, group, credentials, authority = '', path = '', query = ''] = FORM.exec(url) ?? fail('no Redis URL');
  const form = group === 'sentinel' || group === 'cluster' ? group : 'standalone';
  const parameters = readParameters(query);
  if (form === 'sentinel' ? !parameters.get('name') : parameters.size > 0) {
    fail(
      form === 'sentinel' ? 'the name of the master group is missing (?name=…)' : 'only the Sentinel form has a query',
    );
  }
  const hosts = authority.split(',').map((text) => readHost(text, form === 'sentinel' ? 26_379 : 6_379));
  if (form === 'standalone' && hosts.length > 1) fail('several hosts need redis+sentinel or redis+cluster');
  if (!/^\d{0,5}$/.test(path)) fail('the path must be a database number');
  const db = Number(path || '0');
  if (form === 'cluster' && db !== 0) fail('a cluster has database 0 only');
  const masterName = parameters.get('name');
  const sentinelUsername = parameters.get('sentinelUsername');
  const sentinelPassword = parameters.get('sentinelPassword');
  return {
    form,
    hosts,
    isTls: scheme === 'rediss',
    db,
    ...readCredentials(credentials),
    ...(masterName !== undefined && { masterName }),
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
  };
}

function readHost(text: string, defaultPort: number): { host: string; port: number } {
  const [, bracketed, plain, portText] = HOST.exec(text) ?? fail('a host is not readable');
  const port = portText === undefined ? defaultPort : Number(portText);
  if (port < 1 || port > 65_535) fail('a port is out of range');
  return { host: bracketed ?? plain ?? '', port };
}

function readCredentials(text: string | undefined): Pick<RedisAddress, 'username' | 'password'> {
  if (text === undefined) return {};
  const colon = text.indexOf(':');
  const username = decode(colon < 0 ? text : text.slice(0, colon));
  const password = colon < 0 ? '' : decode(text.slice(colon + 1));
  return { ...(username !== '' && { username }), ...(password !== '' && { password }) };
}

function readParameters(query: string): ReadonlyMap<string, string> {
  const parameters = new Map(new URLSearchParams(query));
  if ([...parameters.keys()].some((name) => !PARAMETERS.includes(name))) fail('a parameter of the query is unknown');
  return parameters;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return fail('user or password is not percent-encoded');
  }
}

function fail(problem: string): never {
  throw new RedisUrlError(problem);
}
