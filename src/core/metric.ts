import type { TimeRange } from './profile.ts'

/** A metric as OpenTelemetry names it; each dialect's spelling is derived in one place. */
export interface MetricDescriptor {
  readonly name: string
  readonly description: string
  /** UCUM. */
  readonly unit: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
}

/** Whose value it is. Collectors say this, never labels. */
export type Subject =
  | { readonly of: 'node' }
  | { readonly of: 'cgroup'; readonly cgroupId: bigint }
  | { readonly of: 'process'; readonly pid: number }

export interface MetricPoint {
  readonly metric: MetricDescriptor
  readonly subject: Subject
  readonly value: number
}

/** One collection of one collector. Nothing in it changes after it is emitted. */
export interface MetricBatch {
  readonly collector: string
  readonly window: TimeRange
  readonly points: readonly MetricPoint[]
}
