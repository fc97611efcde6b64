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
  /** An exclusive lock on an open file that ends with the process; false when another process holds it. */
  readonly tryLock: (fd: number) => boolean
  readonly log: (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void
  readonly encodeSamples: EncodeSamples
  readonly encoder: ProfileEncoder
}
