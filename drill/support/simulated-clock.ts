import type { EpochSeconds } from '../../src/oauth/index.ts';

/** The clock of a process that a drill moves. */
export interface SimulatedClock {
  now(): EpochSeconds;
  set(now: EpochSeconds): void;
}

/** From now on `Date.now` in this process is what the drill says, also for libraries. Timers go on in real time. */
export function simulateClock(start: EpochSeconds): SimulatedClock {
  let now = start;
  Date.now = () => now * 1000;
  return {
    now: () => now,
    set: (moment) => {
      now = moment;
    },
  };
}
