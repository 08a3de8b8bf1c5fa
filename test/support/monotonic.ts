/** Microseconds of the clock that all processes of this machine share (CLOCK_MONOTONIC) and nobody sets. */
export function monotonicMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
