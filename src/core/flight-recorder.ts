// The last windows wait in memory until somebody asks for them: how much of the past that is.

import { type Milliseconds, milliseconds } from './units.ts'

export interface FlightRecorderOptions {
  /** What is older than this, counted back from the end of the newest window, is forgotten: a window goes as a whole. */
  readonly keep: Milliseconds
  /** Of window buffers and their names. The oldest windows make way for newer ones; one is held in any case. */
  readonly maxBytes: number
}

const SHORTEST_WINDOW_MS = 1_000
const WINDOWS_KEPT = 30

/** Windows are no longer, so that what is kept is the time that was asked for, and one of them at most. */
export const longestWindow = ({ keep }: Pick<FlightRecorderOptions, 'keep'>): Milliseconds =>
  milliseconds(Math.max(SHORTEST_WINDOW_MS, keep / WINDOWS_KEPT))
