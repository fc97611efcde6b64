import type { SessionInfo } from '../core/profile.ts'
import type { SampleFilter } from '../core/sample-filter.ts'
import type { SamplerStatus } from '../core/status.ts'

/** What takes the samples of a running agent, whoever asked for them. */
export interface LiveSource {
  /**
   * Opens the events and lets them count; then `onSampling` may let the target run, whose first instruction is sampled.
   * @throws AgentError that says what this machine lacks, or does not allow
   */
  begin(onSampling?: () => void): Promise<void>
  /** What was chosen or left out at the start, in a sentence each. */
  readonly notices: readonly string[]
  /** Resolves when the target has gone; rejects when sampling broke. */
  readonly ended: Promise<void>
  /** Of the samples that are taken now. */
  sessions(): readonly SessionInfo[]
  /** Null while nothing is sampled. */
  status(): SamplerStatus | null
  /** Samples read so far, and those that are known lost. */
  progress(): { readonly taken: number; readonly lost: number }
  /** The filter of everything that is sampled, as it was given last. */
  filter(): SampleFilter
  /** Other samples are wanted from now on: takes effect within a second, without a gap. Returns what it names in vain. */
  setFilter(filter: SampleFilter): readonly string[]
  /** Closes the window under way now. Resolves when what was sampled until now has been emitted. */
  cut(): Promise<void>
  /** Stops sampling, emits what was sampled until now, and releases everything. Safe twice. */
  stop(): Promise<void>
}
