import { posix } from 'node:path';

/** One place where the source leaves its own rules. */
export interface SourceFault {
  readonly file: string;
  readonly fault: string;
}

/** What a room may import. `types` marks a door of which only types may be used: a port. */
interface Room {
  readonly may: readonly string[];
  readonly types?: readonly string[];
}

/** The rooms and arrows of docs/decisions/0001-rooms-and-arrows.md. `*` is every door. */
export const ROOMS: Readonly<Record<string, Room>> = {
  oauth: { may: [] },
  platform: { may: ['oauth'] },
  config: { may: ['oauth'] },
  keys: { may: ['oauth', 'platform'] },
  tokens: { may: ['oauth', 'platform', 'keys'] },
  clients: { may: ['oauth', 'platform', 'keys'] },
  provider: { may: ['oauth', 'platform', 'keys', 'tokens', 'clients'] },
  grants: { may: ['oauth', 'platform', 'provider', 'clients'], types: ['provider'] },
  interaction: { may: ['oauth', 'platform', 'tokens', 'clients'] },
  endpoints: { may: ['oauth', 'platform', 'provider', 'clients', 'grants'], types: ['provider'] },
  'store/memory': { may: ['oauth', 'platform', 'tokens'] },
  'store/embedded': { may: ['oauth', 'platform', 'tokens'] },
  'store/redis': { may: ['oauth', 'platform', 'tokens'] },
  telemetry: { may: ['oauth', 'platform'] },
  testing: { may: ['oauth', 'platform', 'keys', 'tokens'] },
  resource: { may: ['oauth'] },
  server: { may: ['*'] },
  cli: { may: ['*'] },
};

/** Who may use a package or a module of Node by value: rooms, or single files. Types may be used anywhere. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-kms': ['keys/backends/aws-kms/aws-kms-key-store.ts'],
  '@koa/cors': ['endpoints'],
  '@koa/router': ['endpoints', 'interaction', 'server'],
  '@modelcontextprotocol/sdk': ['resource/mcp-sdk-v1.ts'],
  '@modelcontextprotocol/server': ['resource/mcp.ts'],
  '@prometheus-io/client': ['telemetry'],
  'close-with-grace': ['server'],
  commander: ['cli'],
  eta: ['interaction'],
  express: ['provider/sdk-v1/browser-answers.ts'],
  ioredis: ['store/redis'],
  'ipaddr.js': ['platform'],
  jose: ['keys', 'tokens', 'clients', 'resource'],
  koa: ['endpoints', 'interaction', 'server', 'resource/koa.ts'],
  'node-jose': ['keys/node-jose-key-store.ts'],
  'koa-body': ['endpoints', 'interaction'],
  'openid-client': ['cli/login-client.ts', 'interaction'],
  'lru-cache': ['clients', 'interaction', 'resource'],
  pino: ['telemetry'],
  'rate-limiter-flexible': ['interaction', 'server'],
  undici: ['platform', 'keys/backends/vault-transit/vault-client.ts'],
  zod: ['config', 'clients', 'interaction'],
  'node:async_hooks': ['server', 'provider/sdk-v1/browser-answers.ts'],
  'node:child_process': ['keys/backends/pkcs11/host-connection.ts'],
  'node:dgram': [],
  'node:dns': ['platform'],
  'node:fs': ['config', 'keys', 'interaction', 'store/embedded', 'server', 'cli'],
  'node:http': ['server', 'provider/sdk-v1/express-response.ts', 'cli/login-arrivals.ts'],
  'node:http2': [],
  'node:https': [],
  'node:net': ['platform', 'server', 'provider/sdk-v1/express-response.ts'],
  'node:readline': ['cli'],
  'node:sqlite': ['store/embedded', 'keys/backends/folder-lock.ts', 'interaction/user-file.ts'],
  'node:tls': ['platform', 'server'],
};

/** Modules of Node that reach nothing outside the process. */
const PURE_NODE_MODULES = new Set(
  'assert buffer crypto events os path perf_hooks process stream string_decoder timers url util'.split(' '),
);

interface Reserved {
  readonly what: string;
  readonly pattern: RegExp;
  readonly owners: readonly string[];
}

/** Things of which one room is the keeper. */
const RESERVED: readonly Reserved[] = [
  {
    what: 'process.env',
    pattern: /\bprocess\s*\.\s*env\b|\bimport\.meta\.env\b/,
    owners: ['config', 'keys/backends/pkcs11/host-connection.ts'],
  },
  {
    what: 'the clock of the machine (Date)',
    pattern: /\bnew\s+Date\b|\bDate\s*[.(]/,
    owners: ['platform/clock.ts', 'resource/runtime/clock.ts'],
  },
  {
    what: 'randomness',
    pattern: /\bMath\s*\.\s*random\b|\b(?:randomBytes|randomUUID|randomInt|randomFill(?:Sync)?|getRandomValues)\b/,
    owners: ['platform/random.ts', 'resource/runtime/pause.ts'],
  },
  { what: 'outbound HTTP (fetch)', pattern: /(?<![.\w])(?:globalThis\s*\.\s*)?fetch\s*\(/, owners: ['resource'] },
  { what: 'the console', pattern: /\bconsole\s*\.\s*\w+/, owners: [] },
  {
    what: 'the process (exit, signals, standard streams)',
    pattern: /\bprocess\s*\.\s*(?:exit|exitCode|on|once|kill|stdin|stdout|stderr|argv)\b/,
    owners: ['server', 'cli', 'keys/backends/pkcs11/module-host.ts'],
  },
  { what: 'export *', pattern: /\bexport\s*\*/, owners: [] },
];

/**
 * Rooms that also run where there is no Node: they import none of its modules, and use its globals in the files named here
 * only, which are asked nothing where there are none.
 */
const EDGE_ROOMS: Readonly<Record<string, readonly string[]>> = {
  oauth: [],
  resource: [
    'src/resource/runtime/der.ts',
    'src/resource/runtime/node-module.ts',
    'src/resource/node.ts',
    'src/resource/runtime/open-url.ts',
  ],
};
const NODE_GLOBALS = /\b(?:Buffer|process|setImmediate|__dirname)\s*[.(?]|\bNodeJS\.|\.unref\(\)/;

const FORBIDDEN_WORDS = new Set(
  'util utils helper helpers common misc manager handler handle process impl data info stuff lib'.split(' '),
);
// `AuthInfo` is what the MCP SDKs call it.
const NAMED_AFTER_OTHERS = new Set(['src/resource/requests/auth-info.ts']);

/** Every fault of a tree of source files, by their path from the top folder (`src/oauth/scope.ts`). */
export function findSourceFaults(files: ReadonlyMap<string, string>): readonly SourceFault[] {
  return [...files].flatMap(([file, text]) => [
    ...nameFaults(file),
    ...roomFaults(file),
    ...importFaults(file, withoutComments(text), files),
    ...reservedFaults(file, withoutComments(text)),
    ...edgeFaults(file, withoutComments(text)),
    ...doorFaults(file, text),
  ]);
}

/** The room a file is in; `undefined` for the entry points directly below src. */
export function roomOf(file: string): string | undefined {
  const [, first = '', second = ''] = file.split('/');
  if (second === '') return undefined;
  return first === 'store' ? `store/${second}` : first;
}

function nameFaults(file: string): SourceFault[] {
  const words = posix
    .basename(file)
    .replace(/\.\w+$/, '')
    .split('-');
  const bad = words.filter((word) => FORBIDDEN_WORDS.has(word));
  if (bad.length === 0 || NAMED_AFTER_OTHERS.has(file)) return [];
  return [{ file, fault: `"${bad.join('", "')}" says nothing in a file name` }];
}

function roomFaults(file: string): SourceFault[] {
  const room = roomOf(file);
  return room === undefined || room in ROOMS ? [] : [{ file, fault: `"${room}" is no room` }];
}

interface Import {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

const STATEMENT = /(?:^|[\n;])\s*(?:import|export)\s+(type\s+)?([\w*${}\s,]*?)\s*\bfrom\s*['"]([^'"]+)['"]/g;
const SIDE_EFFECT = /(?:^|[\n;])\s*import\s*['"]([^'"]+)['"]/g;
const DYNAMIC = /\bimport\s*\(\s*['"`]([^'"`]+)['"`]/g;

function importsOf(text: string): readonly Import[] {
  const statements = [...text.matchAll(STATEMENT)].map(([, type, names = '', specifier = '']) => {
    const inBraces = /^\{([\s\S]*)\}$/.exec(names.trim())?.[1];
    const members =
      inBraces
        ?.split(',')
        .map((member) => member.trim())
        .filter((member) => member !== '') ?? [];
    const isTypeOnly = type !== undefined || (members.length > 0 && members.every((one) => one.startsWith('type ')));
    return { specifier, isTypeOnly };
  });
  const others = [...text.matchAll(SIDE_EFFECT), ...text.matchAll(DYNAMIC)];
  return [...statements, ...others.map(([, specifier = '']) => ({ specifier, isTypeOnly: false }))];
}

function importFaults(file: string, text: string, files: ReadonlyMap<string, string>): SourceFault[] {
  return importsOf(text).flatMap((one) => {
    const fault = one.specifier.startsWith('.') ? findRelativeFault(file, one, files) : findPackageFault(file, one);
    return fault === undefined ? [] : [{ file, fault }];
  });
}

function findRelativeFault(file: string, one: Import, files: ReadonlyMap<string, string>): string | undefined {
  const target = posix.join(posix.dirname(file), one.specifier);
  if (!target.startsWith('src/')) return `${one.specifier} leads out of src`;
  if (!files.has(target)) return `${one.specifier} leads to no file`;
  const from = roomOf(file);
  const to = roomOf(target);
  if (from === to) return undefined;
  if (to === undefined)
    return from === 'server' || from === 'cli' ? undefined : `an entry point is imported by ${from}`;
  if (target !== `src/${to}/index.ts`) return `${target} is inside ${to}; other rooms use its door`;
  if (from === undefined) return undefined;
  const room = ROOMS[from];
  if (room === undefined || room.may.includes('*')) return undefined;
  if (!room.may.includes(to)) return `${from} may not import ${to}`;
  if (room.types?.includes(to) === true && !one.isTypeOnly) return `${from} may import only types of ${to}`;
  return undefined;
}

function findPackageFault(file: string, { specifier, isTypeOnly }: Import): string | undefined {
  if (isTypeOnly) return undefined;
  const name = packageName(specifier);
  const owners = OWNERS[name];
  if (owners !== undefined) return isOwner(file, owners) ? undefined : `${name} is not for ${roomOf(file) ?? file}`;
  if (name.startsWith('node:') && PURE_NODE_MODULES.has(name.slice(5))) return undefined;
  return `${name} has no owner in test/support/source-rules.ts`;
}

function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

// A `fetch` that was handed in is somebody else's to answer for.
const HANDED_IN_FETCH = /\{[^{}]*\bfetch\b[^{}]*\}\s*=\s*\w/;

function reservedFaults(file: string, text: string): SourceFault[] {
  const whole = withoutStrings(text);
  const code = HANDED_IN_FETCH.test(whole) ? whole.replaceAll(/(?<![.\w])fetch\s*\(/g, 'handedIn(') : whole;
  return RESERVED.filter(({ pattern, owners }) => pattern.test(code) && !isOwner(file, owners)).map(({ what }) => ({
    file,
    fault: `${what} is not for ${roomOf(file) ?? 'an entry point'}`,
  }));
}

function edgeFaults(file: string, text: string): SourceFault[] {
  const exceptions = EDGE_ROOMS[roomOf(file) ?? ''];
  if (exceptions === undefined) return [];
  const modules = importsOf(text).filter(({ specifier, isTypeOnly }) => specifier.startsWith('node:') && !isTypeOnly);
  const faults = modules.map(({ specifier }) => `${specifier}: ${roomOf(file)} must run where there is no Node`);
  if (NODE_GLOBALS.test(withoutStrings(text)) && !exceptions.includes(file))
    faults.push(`a global of Node: ${roomOf(file)} must run where there is no Node`);
  return faults.map((fault) => ({ file, fault }));
}

function isOwner(file: string, owners: readonly string[]): boolean {
  return owners.some((owner) => file === `src/${owner}` || roomOf(file) === owner);
}

/** A door begins with a comment that says what the room is and what it may import, as the table has it. */
function doorFaults(file: string, text: string): SourceFault[] {
  const room = roomOf(file);
  if (room === undefined || file !== `src/${room}/index.ts`) return [];
  const comment = /^(?:#!.*\n)?\/\*\*([\s\S]*?)\*\//.exec(text)?.[1]?.replaceAll(/\n\s*\*/g, ' ');
  if (comment === undefined) return [{ file, fault: 'the door has no comment' }];
  const stated = /May import:\s*([^.]*)\./.exec(comment)?.[1]?.trim().replaceAll(/\s+/g, ' ');
  const { may = [] } = ROOMS[room] ?? {};
  const expected = may.includes('*') ? 'everything' : may.length === 0 ? 'nothing' : may.join(', ');
  return stated === expected ? [] : [{ file, fault: `the door must say "May import: ${expected}."` }];
}

const COMMENT_OR_TEXT = /\/\*[\s\S]*?\*\/|(?<![:\\])\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g;

function withoutComments(text: string): string {
  return text.replace(COMMENT_OR_TEXT, (match) => (match.startsWith('/') ? ' ' : match));
}

function withoutStrings(text: string): string {
  return text.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''");
}
