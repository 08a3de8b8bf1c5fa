// Reads declaration files in the form in which tsc writes them. Anything it does not know stops it, so nothing is left out.
import { readFileSync } from 'node:fs';

/** What one declaration file says. */
export interface DeclarationFile {
  /** The text of each declaration, without comments, by its name; overloads together. */
  readonly declared: ReadonlyMap<string, string>;
  /** Names that come from other modules: from where, and what they are called there. */
  readonly bindings: ReadonlyMap<string, Binding>;
  /** Names it exports, whether it declares them or passes them on. */
  readonly exported: ReadonlySet<string>;
}

interface Binding {
  readonly from: string;
  readonly name: string;
}

const files = new Map<string, DeclarationFile>();

/** @throws Error for a file that is not there, and for a statement that tsc was not seen to write. */
export function readDeclarations(path: string): DeclarationFile {
  const known = files.get(path);
  if (known !== undefined) return known;
  const read = parse(readFileSync(path, 'utf8'), path);
  files.set(path, read);
  return read;
}

const COMMENT_OR_STRING = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;
const DECLARATION = /^(export )?(?:declare )?(?:abstract )?(?:const|class|function|interface|type|enum) ([\w$]+)/;
const NAMED = /^(import|export) (?:type )?\{([^}]*)\}(?: from ['"]([^'"]+)['"])?;$/;

function parse(source: string, path: string): DeclarationFile {
  const declared = new Map<string, string>();
  const bindings = new Map<string, Binding>();
  const exported = new Set<string>();
  const text = source.replaceAll(COMMENT_OR_STRING, (part) => (part.startsWith('/') ? '' : part));

  for (const statement of split(text)) {
    const [, isExport, name] = DECLARATION.exec(statement) ?? [];
    const [, word, list = '', from] = NAMED.exec(statement) ?? [];
    if (name !== undefined) {
      const before = declared.get(name);
      const bare = statement.replace(/^(?:export )?(?:declare )?/, '').replaceAll(/\n\s*\n/g, '\n');
      declared.set(name, before === undefined ? bare : `${before}\n${bare}`);
      if (isExport !== undefined) exported.add(name);
    } else if (word !== undefined) {
      for (const item of list.split(',').map((one) => one.trim().replace(/^type /, ''))) {
        if (item === '') continue;
        const [there = '', here = there] = item.split(' as ');
        if (from !== undefined) bindings.set(here, { from, name: there });
        else if (here !== there) throw new Error(`${path}: cannot follow ${statement}`);
        if (word === 'export') exported.add(here);
      }
    } else if (!/^import (?:type )?(?:[\w$]+|\* as [\w$]+) from '[^.][^']*';$/.test(statement)) {
      throw new Error(`${path}: cannot read ${statement}`);
    }
  }
  return { declared, bindings, exported };
}

/** The statements of a file without comments: each ends with a semicolon, or with the brace of an interface or a class. */
function split(text: string): readonly string[] {
  const statements: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '{' || character === '(' || character === '[') depth += 1;
    else if (character === '}' || character === ')' || character === ']') depth -= 1;
    const statement = () => text.slice(start, index + 1).trim();
    const ends =
      character === ';' ||
      (character === '}' && /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface) /.test(statement()));
    if (depth !== 0 || !ends) continue;
    statements.push(statement());
    start = index + 1;
  }
  if (text.slice(start).trim() !== '') throw new Error(`a declaration has no end: ${text.slice(start).trim()}`);
  return statements;
}
