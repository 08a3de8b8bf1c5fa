/**
 * guardmint: an OAuth 2.1 authorization server for MCP servers, composed from its configuration. Published as `guardmint`.
 *
 * @example
 * import { createGuardmint, loadConfig } from 'guardmint';
 *
 * const guardmint = await createGuardmint(loadConfig());
 * await guardmint.listen();
 */
export type { Config, ConfigProblem } from './config/index.ts';
export { ConfigError, loadConfig } from './config/index.ts';
export type { Guardmint, GuardmintParts, ListeningPorts } from './server/index.ts';
export { createGuardmint } from './server/index.ts';
