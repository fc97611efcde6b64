import type { Consumer } from './consumer.ts'
import type { MetricBatch } from './metric.ts'
import type { ProfileBatch } from './profile.ts'
import type { Milliseconds } from './units.ts'

/** What became of a lane's batches, in samples (profiles) or points (metrics). Bytes are of window buffers. */
export interface LaneStats {
  readonly queued: number
  readonly queuedBytes: number
  readonly delivered: number
  /** The consumer rejected or did not settle before its deadline. */
  readonly failed: number
  /** Dropped by the lane because it was full, or because the drain's deadline came first. */
  readonly dropped: number
  /** The newest failure, for a person. */
  readonly lastError: string | undefined
  /** Since when the consumer has taken nothing, because it failed or its lane was full; absent while it works. */
  readonly troubledSince?: Date | undefined
}

/** Gives each consumer its own bounded lane; nothing downstream can slow or break what is upstream. */
export interface MetricsRouter {
  /** @throws Error when a consumer of that name is attached. The consumer must have been started. */
  attach(consumer: Consumer): void
  /** Drops what is queued (counted), waits for the delivery under way (or its deadline), forgets the lane. */
  detach(name: string): Promise<void>
  /** To the consumers of these names; absent: to all. Never waits, never throws. */
  publishProfiles(batch: ProfileBatch, consumers?: readonly string[]): void
  /** Consumers that write files finish them, each when it has taken what was published until now. Never waits, never throws. */
  rotate(): void
  /** Resolves when every lane is empty, or at the limit; drops nothing. */
  idle(limit: Milliseconds): Promise<void>
  /** Never waits, never throws. */
  publishMetrics(batch: MetricBatch): void
  /**
   * Resolves when every lane, or that of the named consumer, is empty, or at the deadline: what is left then is dropped
   * and counted.
   */
  drain(deadline: Milliseconds, name?: string): Promise<void>
  stats(): ReadonlyMap<string, LaneStats>
}
