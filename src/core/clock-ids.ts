/** CLOCK_* by perf's names for `--clockid`. */
export const CLOCK_IDS = { monotonic: 1, monotonic_raw: 4, realtime: 0, boottime: 7, tai: 11 } as const
export type ClockName = keyof typeof CLOCK_IDS
export const CLOCK_NAMES = Object.keys(CLOCK_IDS) as readonly ClockName[]
