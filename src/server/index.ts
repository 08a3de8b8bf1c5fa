/**
 * server: where the rooms meet: composition from the configuration, ports, shutdown.
 *
 * May import: everything.
 */
export { openBranding } from './branding.ts';
export type { Guardmint, GuardmintParts, ListeningPorts } from './create-guardmint.ts';
export { createGuardmint } from './create-guardmint.ts';
export { keyDenial } from './key-denial.ts';
export { checkKeySettings, findUnpublishedKeyFault, keyTimingNeeds, openKeyBackend, openKeyRing } from './keys.ts';
export { readRedisOptions } from './redis-options.ts';
export { openStore } from './store.ts';
