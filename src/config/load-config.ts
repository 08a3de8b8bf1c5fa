import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { isJsonObject, type JsonObject, parseJsonObject } from '../oauth/index.ts';
import { closestName } from './closest-name.ts';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { settingNamesAt } from './describe-settings.ts';
import { CONFIG_VARIABLE, ENVIRONMENT, ownVariables, variableOf } from './environment.ts';
import { findWarnings } from './find-warnings.ts';
import { type ReadFile, readClientSecrets, readSecretFiles } from './secret-files.ts';
import { SETTINGS, type Settings } from './settings.ts';

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Member in keyof T]: Frozen<T[Member]> }
    : T;

/** The settings of a server after every check: frozen, with every default filled in. Lengths of time in seconds. */
export type Config = Frozen<
  Omit<Settings, 'refresh' | 'lifetimes'> & {
    issuer: string;
    usersFile: string;
    lifetimes: Required<Settings['lifetimes']>;
    refresh: Omit<Settings['refresh'], 'strict'> & { replayWindow: number };
    /** What works and is probably not meant; for the log. */
    warnings: string[];
  }
>;

const DEFAULT_FILE = 'guardmint.json';

/**
 * The settings of the environment and of the JSON file (`GUARDMINT_CONFIG`, else `guardmint.json` when there is one);
 * the environment goes first.
 * @throws ConfigError with every problem at once.
 */
export function loadConfig(sources: { env?: NodeJS.ProcessEnv; readFile?: ReadFile } = {}): Config {
  const { env = process.env, readFile = readTextFile } = sources;
  const variables = ownVariables(env);
  const problems: ConfigProblem[] = [];

  const file = variables.get(CONFIG_VARIABLE) ?? DEFAULT_FILE;
  const settings = readSettingsFile(file, variables.has(CONFIG_VARIABLE), readFile, problems);
  const fromEnvironment = new Set<string>();
  for (const [name, text] of variables) {
    if (name === CONFIG_VARIABLE) continue;
    const variable = Object.hasOwn(ENVIRONMENT, name) ? ENVIRONMENT[name] : undefined;
    if (variable === undefined) {
      problems.push({ setting: name, fault: unknownName(name, [...Object.keys(ENVIRONMENT), CONFIG_VARIABLE]) });
      continue;
    }
    place(settings, variable.path, variable.read(text));
    fromEnvironment.add(name);
  }

  const parsed = SETTINGS.safeParse(settings);
  const nameOf = (path: readonly PropertyKey[]) => {
    const variable = variableOf(path);
    const isSetHere = variable !== undefined && fromEnvironment.has(variable);
    return isSetHere || (variable !== undefined && valueAt(settings, path) === undefined)
      ? variable
      : [file, dotted(path)].filter((part) => part !== '').join(': ');
  };
  for (const issue of parsed.error?.issues ?? []) problems.push(...problemsOf(issue, nameOf));
  const secrets = parsed.success
    ? {
        ...readSecretFiles(parsed.data, nameOf, readFile, problems),
        signIn: readClientSecrets(parsed.data, nameOf, readFile, problems),
      }
    : {};
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return complete({ ...parsed.data, ...secrets });
}

const REMEMBERED_CONSENT = 30 * 86_400;

function complete(settings: Settings): Config {
  const { strict, ...refresh } = settings.refresh;
  const { lifetimes } = settings;
  const config = {
    ...settings,
    issuer: settings.issuer ?? `http://localhost:${settings.port}`,
    usersFile: settings.usersFile ?? `${settings.dataDir.replace(/\/+$/, '')}/users.json`,
    lifetimes: { ...lifetimes, consent: lifetimes.consent ?? Math.min(REMEMBERED_CONSENT, lifetimes.refreshAbsolute) },
    refresh: { ...refresh, replayWindow: refresh.replayWindow ?? (strict ? 60 : 86_400) },
  };
  return freeze({ ...config, warnings: findWarnings(config) });
}

function readSettingsFile(file: string, isNamed: boolean, readFile: ReadFile, problems: ConfigProblem[]): JsonObject {
  let text: string | undefined;
  try {
    text = readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    problems.push({ setting: isNamed ? CONFIG_VARIABLE : file, fault: `${file} cannot be read${code}` });
    return {};
  }
  if (text === undefined) {
    if (isNamed) problems.push({ setting: CONFIG_VARIABLE, fault: `there is no file ${file}` });
    return {};
  }
  const settings = parseJsonObject(text);
  if (settings !== undefined) return settings;
  problems.push({ setting: file, fault: describeJsonFault(text) });
  return {};
}

// Only the place is taken from the parser's message: the rest of it may quote the file.
function describeJsonFault(text: string): string {
  try {
    JSON.parse(text);
  } catch (error) {
    const place = /\(line \d+ column \d+\)/.exec(String(error))?.[0];
    return place === undefined ? 'is not JSON' : `is not JSON ${place}`;
  }
  return 'must be one JSON object in which no member name repeats';
}

function problemsOf(issue: z.core.$ZodIssue, nameOf: (path: readonly PropertyKey[]) => string): ConfigProblem[] {
  if (issue.code !== 'unrecognized_keys') return [{ setting: nameOf(issue.path), fault: innermostMessage(issue) }];
  const known = settingNamesAt(issue.path);
  return issue.keys.map((key) => ({ setting: nameOf([...issue.path, key]), fault: unknownName(key, known) }));
}

/** What is wrong with a key of a record is one level down in what zod reports. */
function innermostMessage(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  return issue.message;
}

function unknownName(name: string, known: readonly string[]): string {
  const meant = closestName(name, known);
  return meant === undefined ? 'is not a setting' : `is not a setting; did you mean ${meant}?`;
}

function place(settings: JsonObject, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    settings[name] = value;
    return;
  }
  const inner = settings[name] === undefined ? {} : settings[name];
  // A group that is no object is the schema's to refuse.
  if (!isJsonObject(inner)) return;
  settings[name] = inner;
  place(inner, rest, value);
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? (inner as JsonObject)[String(key)] : undefined),
    value,
  );
}

function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? String(key) : `.${String(key)}`))
    .join('');
}

function freeze<T>(value: T): Frozen<T> {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value as Frozen<T>;
}

function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
