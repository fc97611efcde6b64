// Which part of a recording is wanted.

import { EVERYTHING, type SampleFilter } from './sample-filter.ts'

/** A place in a recording: on the clock of its samples, or between its first sample (0) and its last (1). */
export type RecordingMoment = { readonly at: bigint } | { readonly share: number }

export interface RecordingSelection {
  readonly filter: SampleFilter
  /** Both moments belong to it; undefined: from the beginning, to the end. */
  readonly from: RecordingMoment | undefined
  readonly until: RecordingMoment | undefined
  /** Names of events; none: all. */
  readonly events: readonly string[]
}

export const WHOLE_RECORDING: RecordingSelection = {
  filter: EVERYTHING,
  from: undefined,
  until: undefined,
  events: [],
}
