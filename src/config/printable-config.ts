import type { Config } from './load-config.ts';

/** Settings that hold a secret, or may. */
const SECRET_SETTINGS: ReadonlySet<string> = new Set(['redisUrl', 'keysSecret']);

/** The settings as they may be shown to an operator: a secret is named, never told. */
export function printableConfig(config: Config): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [name, SECRET_SETTINGS.has(name) ? '(set, not shown)' : value]),
  );
}
