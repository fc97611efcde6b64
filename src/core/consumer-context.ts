import type { EncodeSamples, ProfileEncoder } from './encoder.ts'

/** From what only repairers read to what went wrong. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What the agent hands to every consumer that it builds. */
export interface ConsumerContext {
  /** Of Sonde, for what is written: `0.1.0`. */
  readonly version: string
  /** Everything that is written without an explicit path goes below it. */
  readonly dataDirectory: string
  /** Where what could not be sent waits for the next start; undefined: nothing is kept (a command that somebody waits for). */
  readonly spoolDirectory: string | undefined
  /** Whether what samples come from waits for the consumers (a file does, a machine does not): they need not drop any. */
  readonly sourceWaits: boolean
  /** The agent's environment: the standard variables of exporters are in it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** By the agent's clock (`performance.now()`), when everything has to be delivered or spooled; undefined until it stops. */
  readonly stopBy: () => number | undefined
  /** An exclusive lock on an open file that ends with the process; false when another process holds it. */
  readonly tryLock: (fd: number) => boolean
  /** A clock (of CLOCK_IDS) minus CLOCK_MONOTONIC, ns, now. */
  readonly clockOffset: (clock: number) => bigint
  readonly log: (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void
  readonly encodeSamples: EncodeSamples
  readonly encoder: ProfileEncoder
}
