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
   * `twice`: Parca 0.28 takes the function before the one that a line refers to. Each one then stands behind another of the
   * same name, so that who reads it either way reads the same.
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
