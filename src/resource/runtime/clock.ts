import type { EpochSeconds } from '../../oauth/index.ts';

/** The present moment in epoch seconds. */
export type Clock = () => EpochSeconds;

/** The clock of this machine. */
export const systemClock: Clock = () => Math.floor(Date.now() / 1000);
