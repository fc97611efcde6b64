// How profiles are written as OTLP. Plain data: it is sent to the encoding thread.

import type { ContentEncoding } from './delivery.ts'

/** Levels of the wire format that backends read, by the release of opentelemetry-proto. */
export const OTLP_LEVELS = ['1.8', '1.9', '1.10'] as const
export type OtlpLevel = (typeof OTLP_LEVELS)[number]

/** What tells samples of a resource apart besides their stacks, by OpenTelemetry's names. */
export const OTLP_SAMPLE_ATTRIBUTES = ['thread.id', 'thread.name', 'cpu.logical_number'] as const
export type OtlpSampleAttribute = (typeof OTLP_SAMPLE_ATTRIBUTES)[number]

export interface OtlpEncoding {
  readonly level: OtlpLevel
  /** Of the instrumentation scope. */
  readonly scope: { readonly name: string; readonly version: string }
  /** `container`: the processes of one service in one container are one resource, told apart by `process.pid` of samples. */
  readonly resourcePer: 'process' | 'container'
  readonly sampleAttributes: readonly OtlpSampleAttribute[]
  /** Some backends know no attributes but strings. */
  readonly attributeValues: 'typed' | 'strings'
  /**
   * `twice`: each function stands in front of itself, for a backend that takes the one before the one that is meant. Whoever
   * reads it right reads the same. The specification says that a table SHOULD have no entry twice.
   */
  readonly functions: 'once' | 'twice'
  /** `timestamps`: every sample's time instead of counts. */
  readonly shape: 'counts' | 'timestamps'
  /** The same samples as pprof besides. */
  readonly originalPayload: 'none' | 'pprof'
  /** Of the host and the cluster; in every resource. */
  readonly resourceAttributes: Readonly<Record<string, string>>
  /** A message is split so that it takes fewer bytes before compression; one sample more than that is sent as it is. */
  readonly maxMessageBytes: number
  readonly compression: ContentEncoding
}
