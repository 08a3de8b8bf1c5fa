// What the package offers at each entry point, as text: `npm run update-api` writes it to test/api/, and
// test/published-package.test.ts compares. It reads the declarations that tsc emits, and nothing else of TypeScript.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readDeclarations } from './declaration-file.ts';
import { buildInto } from './staged-package.ts';

const TOP = join(import.meta.dirname, '..');

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
}

/** Where the text of an entry point is, from the top folder: `test/api/resource-koa.txt` for `./resource/koa`. */
function snapshotPath(subpath: string): string {
  const name = subpath === '.' ? 'index' : subpath.slice(2).replaceAll('/', '-');
  return `test/api/${name}.txt`;
}

/** The public text of every entry point of package.json, by the path it is kept at. `built` is what `buildInto` filled. */
export function publicApis(built: string): ReadonlyMap<string, string> {
  const { name, exports } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as Manifest;
  const apis = new Map<string, string>();
  for (const [subpath, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue;
    const entry = join(built, target.types.replace(/^\.\/dist\//, ''));
    apis.set(snapshotPath(subpath), describeEntry(`${name}${subpath.slice(1)}`, entry));
  }
  return apis;
}

/** Every name that can be imported, with its declaration, then the declarations of ours that those are made of. */
function describeEntry(specifier: string, entry: string): string {
  const exported = exportsOf(entry);
  const shown = new Set<string>();
  const behind = new Map<string, string>();
  const waiting: Found[] = [];

  const offered = [...exported].toSorted(byName).map(([name, found]) => {
    shown.add(keyOf(found));
    waiting.push(found);
    const alias = name === found.name ? '' : `// as ${name}\n`;
    return `${alias}${found.text}`;
  });
  for (let found = waiting.shift(); found !== undefined; found = waiting.shift()) {
    for (const mentioned of mentionedIn(found)) {
      if (shown.has(keyOf(mentioned))) continue;
      shown.add(keyOf(mentioned));
      behind.set(`${mentioned.name} ${mentioned.text}`, mentioned.text);
      waiting.push(mentioned);
    }
  }
  const rest = [...behind].toSorted(byName).map(([, text]) => text);
  const parts = [
    `// ${specifier}`,
    ...offered,
    ...(rest.length > 0 ? ['// Not exported; what is above is made of it.', ...rest] : []),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** One declaration of ours: the name it has where it stands, and its text. */
interface Found {
  readonly file: string;
  readonly name: string;
  readonly text: string;
}

const keyOf = ({ file, name }: Found) => `${file} ${name}`;
const byName = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]) => (one < other ? -1 : 1);

function exportsOf(file: string): ReadonlyMap<string, Found> {
  return new Map([...readDeclarations(file).exported].map((name) => [name, find(file, name)]));
}

/** Follows a name, exported from or used in a file, to its declaration. @throws Error when it leads nowhere. */
function find(file: string, name: string): Found {
  const { declared, bindings } = readDeclarations(file);
  const text = declared.get(name);
  if (text !== undefined) return { file, name, text };
  const binding = bindings.get(name);
  if (binding === undefined) throw new Error(`${file} does not declare ${name}`);
  if (!binding.from.startsWith('.'))
    return { file: binding.from, name, text: `// of ${binding.from}: ${binding.name}` };
  return find(join(dirname(file), binding.from.replace(/\.ts$/, '.d.ts')), binding.name);
}

/** The declarations of ours that another one names. */
function mentionedIn({ file, name, text }: Found): readonly Found[] {
  if (!file.endsWith('.d.ts')) return [];
  const { declared, bindings } = readDeclarations(file);
  const words = new Set(text.match(/(?<!\.)\b[A-Za-z_$][\w$]*/g));
  return [...words]
    .filter((word) => word !== name && (declared.has(word) || bindings.get(word)?.from.startsWith('.') === true))
    .map((word) => find(file, word));
}

if (import.meta.main) {
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-api-'));
  try {
    buildInto(folder);
    for (const [path, text] of publicApis(folder)) writeFileSync(join(TOP, path), text);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
