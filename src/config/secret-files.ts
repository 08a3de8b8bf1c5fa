import type { ConfigProblem } from './config-error.ts';
import { REDIS_URL, type Settings } from './settings.ts';

/** The text of a file, or `undefined` when there is none. Other faults are thrown. */
export type ReadFile = (path: string) => string | undefined;

/** A setting that holds a secret, the one that names a file with it, and what of the text counts. */
interface SecretFile {
  readonly setting: 'keysSecret' | 'redisUrl';
  readonly fileSetting: 'keysSecretFile' | 'redisUrlFile';
  readonly read: (text: string) => string;
  /** What is wrong with it, in words that do not repeat it. */
  readonly findFault: (value: string) => string | undefined;
}

const SECRET_FILES: readonly SecretFile[] = [
  { setting: 'keysSecret', fileSetting: 'keysSecretFile', read: (text) => text, findFault: () => undefined },
  {
    setting: 'redisUrl',
    fileSetting: 'redisUrlFile',
    read: (text) => text.trim(),
    findFault: (value) => REDIS_URL.safeParse(value).error?.issues[0]?.message,
  },
];

/** Secrets that lie in files of their own. What is wrong with one is added to the problems, by `nameOf` its setting. */
export function readSecretFiles(
  settings: Settings,
  nameOf: (path: readonly PropertyKey[]) => string,
  readFile: ReadFile,
  problems: ConfigProblem[],
): Pick<Settings, 'keysSecret' | 'redisUrl'> {
  const secrets: { keysSecret?: string; redisUrl?: string } = {};
  for (const { setting, fileSetting, read, findFault } of SECRET_FILES) {
    const file = settings[fileSetting];
    if (file === undefined) continue;
    const refuse = (fault: string) => void problems.push({ setting: nameOf([fileSetting]), fault });
    if (settings[setting] !== undefined) {
      refuse(`cannot be set together with ${setting}`);
      continue;
    }
    const value = readSecretFile(file, readFile, refuse);
    if (value === undefined) continue;
    const fault = findFault(read(value));
    if (fault === undefined) secrets[setting] = read(value);
    else refuse(`what ${file} holds ${fault}`);
  }
  return secrets;
}

/** The sign-in settings with the client secrets that lie in files of their own. */
export function readClientSecrets(
  { signIn }: Settings,
  nameOf: (path: readonly PropertyKey[]) => string,
  readFile: ReadFile,
  problems: ConfigProblem[],
): Settings['signIn'] {
  function withSecret<Entry extends { clientSecretFile?: string; clientSecret?: string }>(kind: string) {
    return (entry: Entry, index: number): Entry => {
      const { clientSecretFile: file } = entry;
      if (file === undefined) return entry;
      const setting = nameOf(['signIn', kind, index, 'clientSecretFile']);
      const clientSecret = readSecretFile(file, readFile, (fault) => void problems.push({ setting, fault }))?.trim();
      if (clientSecret === '') problems.push({ setting, fault: `${file} is empty` });
      return clientSecret === undefined ? entry : { ...entry, clientSecret };
    };
  }
  return { ...signIn, oidc: signIn.oidc.map(withSecret('oidc')), oauth2: signIn.oauth2.map(withSecret('oauth2')) };
}

/** The text of the file; `undefined` after `refuse` was told why there is none. */
function readSecretFile(file: string, readFile: ReadFile, refuse: (fault: string) => void): string | undefined {
  try {
    const text = readFile(file);
    if (text === undefined) refuse(`there is no file ${file}`);
    return text;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    refuse(`${file} cannot be read${code}`);
    return undefined;
  }
}
