import { isJsonObject } from '../oauth/index.ts';
import type { Config } from './load-config.ts';

/** Settings that hold a secret, or may, wherever they stand. */
const SECRET_SETTINGS: ReadonlySet<string> = new Set(['redisUrl', 'keysSecret', 'clientSecret']);

/** The settings as they may be shown to an operator: a secret is named, never told. */
export function printableConfig(config: Config): Readonly<Record<string, unknown>> {
  return hideSecrets({ ...config });
}

function hideSecrets(settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      SECRET_SETTINGS.has(name) && value !== undefined ? '(set, not shown)' : hideInside(value),
    ]),
  );
}

function hideInside(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideInside);
  return isJsonObject(value) ? hideSecrets(value) : value;
}
