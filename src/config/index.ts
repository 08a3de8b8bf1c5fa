/**
 * config: the settings of a server, read from the environment and one JSON file, checked together, frozen.
 *
 * May import: oauth.
 */

export type { ClientEntry } from './client-settings.ts';
export type { ConfigProblem } from './config-error.ts';
export { ConfigError } from './config-error.ts';
export { describeSettings, type SettingDescription } from './describe-settings.ts';
export type { Config } from './load-config.ts';
export { loadConfig } from './load-config.ts';
export { printableConfig } from './printable-config.ts';
