// When this process was started, for "first sample after … s".

import { readFileSync } from 'node:fs'

/** Ticks per second of /proc/PID/stat, the same on every Linux that Node.js runs on. */
const USER_HZ = 100n
const NS_PER_TICK = 1_000_000_000n / USER_HZ

/** Below this the clocks do not differ: /proc/uptime has a resolution of 10 ms. */
const SUSPEND_NOTICED_NS = 50_000_000n

interface ClockReadings {
  /** /proc/self/stat */
  readonly stat: string
  /** /proc/uptime: CLOCK_BOOTTIME in seconds. */
  readonly uptime: string
  /** CLOCK_MONOTONIC in ns, read at the same time. */
  readonly monotonic: bigint
}

const readClocks = (): ClockReadings => ({
  stat: readFileSync('/proc/self/stat', 'latin1'),
  uptime: readFileSync('/proc/uptime', 'latin1'),
  monotonic: process.hrtime.bigint(),
})

/**
 * CLOCK_MONOTONIC ns at which the process began, up to one tick (10 ms) too early, never too late. A shell script that
 * became this program by exec counts as the same process.
 */
export function processStart(read: () => ClockReadings = readClocks): bigint {
  const { stat, uptime, monotonic } = read()
  // The command's name may contain blanks and parentheses; field 3 follows the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startedAfterBoot = BigInt(fields[19] ?? 0) * NS_PER_TICK
  const boottime = BigInt(Math.round(Number.parseFloat(uptime) * 100)) * NS_PER_TICK
  const suspended = boottime - monotonic
  return startedAfterBoot - (suspended > SUSPEND_NOTICED_NS ? suspended : 0n)
}
