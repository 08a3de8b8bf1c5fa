import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, ConfigError, type ConfigProblem } from '../config/index.ts';
import { type Branding, type BrandingSource, createBranding, findBrandingFaults } from '../interaction/index.ts';

/**
 * The branding of the configuration, with its files.
 * @throws ConfigError with everything for which it cannot be used.
 */
export async function openBranding({ branding }: Config): Promise<Branding> {
  const { logo, templates, ...rest } = branding;
  const problems: ConfigProblem[] = [];
  const attempt = async <T>(setting: string, path: string, read: (path: string) => Promise<T>) => {
    try {
      return await read(path);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
      problems.push({ setting: `branding.${setting}`, fault: `${path} cannot be read${code}` });
      return undefined;
    }
  };
  const image = logo === undefined ? undefined : await attempt('logo', logo, (path) => readFile(path));
  const texts = templates === undefined ? undefined : await attempt('templates', templates, readTemplates);
  const source: BrandingSource = {
    ...rest,
    ...(image !== undefined && { logo: image }),
    ...(texts !== undefined && { templates: texts }),
  };
  for (const { setting, fault } of findBrandingFaults(source)) problems.push({ setting: `branding.${setting}`, fault });
  if (problems.length > 0) throw new ConfigError(problems);
  return createBranding(source);
}

async function readTemplates(folder: string): Promise<Readonly<Record<string, string>>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.eta'));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await readFile(join(folder, file), 'utf8')])),
  );
}
