import type { EpochSeconds, Seconds } from '../../oauth/index.ts';

/** What stands in the place of Redis TIME in a script; empty text for Redis TIME itself. */
export type StoreClock = () => EpochSeconds | '';

/**
 * How long a key is kept past its end. Ends are compared with the clock by the scripts; a clock that runs ahead for less
 * than this and is set right again has forgotten nothing.
 */
export const KEPT_PAST_END: Seconds = 7_200;
