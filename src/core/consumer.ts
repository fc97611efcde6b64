import type { FileCounts } from '../base/finished-files.ts'
import type { Component } from './component.ts'
import { type DeliveryStats, DROP_REASONS } from './delivery.ts'
import type { MetricBatch } from './metric.ts'
import type { ProfileBatch } from './profile.ts'

/** Why a consumer lost samples that it had taken over: what is said of them. */
export const CONSUMER_LOSSES = {
  table_full: 'did not fit into maxProfileBytes',
  disk_full: 'are missing in a file: the disk was full',
  write_failed: 'are missing in a file that could not be written',
  encoder_failed: 'could not be encoded',
  file_removed: 'were in a file that somebody removed',
  not_finished: 'are in a file that could not be finished',
  ...DROP_REASONS,
} as const
export type ConsumerLoss = keyof typeof CONSUMER_LOSSES
export type ConsumerLosses = Readonly<Partial<Record<ConsumerLoss, number>>>

/** What a consumer made of what it took until now; read for the summary after `stop`, and whenever somebody asks for the status. */
export interface ConsumerOutcome {
  /** Bytes written or sent. */
  readonly bytes: number
  /** Samples in closed files, in all that they belong in, or accepted by the far side. */
  readonly written: number
  /** Finished files, oldest first, that still exist. */
  readonly files: readonly string[]
  /** Finished files that exist no longer, because limits or somebody deleted them; their bytes are among `bytes`. */
  readonly gone?: FileCounts
  /** Samples that were taken over and lost afterwards. */
  readonly lost: ConsumerLosses
  /** Of a consumer that writes: what is in no finished file yet; 0 bytes where they are made when the file is written. */
  readonly open?: { readonly samples: number; readonly bytes: number }
  /** Of a consumer that sends: samples that wait on disk for the next start, and everything else about its deliveries. */
  readonly spooled?: number
  readonly delivery?: DeliveryStats
}

interface ConsumerBase extends Component {
  /** Whether it looks at ProfileBatch.resources: unless a consumer does, no process is asked about. */
  readonly wantsResources?: boolean
  /** Finishes the files that it has begun: what comes next goes into new ones. Absent of a consumer that writes none. */
  rotate?(): Promise<void>
  outcome(): ConsumerOutcome
}

/**
 * Takes profile batches. A resolved promise means: taken over, and from now on this consumer's to write or to count as
 * lost. A rejection means: nothing of the batch was kept; the lane counts its samples as failed. When `signal` aborts the
 * consumer must settle soon; the lane stops waiting for it either way.
 */
export interface ProfileConsumer extends ConsumerBase {
  consumeProfiles(batch: ProfileBatch, signal: AbortSignal): Promise<void>
}

/** Takes metric batches, by the same contract. */
export interface MetricConsumer extends ConsumerBase {
  consumeMetrics(batch: MetricBatch, signal: AbortSignal): Promise<void>
}

/** One signal or both; the methods it has are the signals it takes. */
export type Consumer = ProfileConsumer | MetricConsumer | (ProfileConsumer & MetricConsumer)

export const takesProfiles = (consumer: Consumer): consumer is ProfileConsumer =>
  'consumeProfiles' in consumer
export const takesMetrics = (consumer: Consumer): consumer is MetricConsumer => 'consumeMetrics' in consumer
