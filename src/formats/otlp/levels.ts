// Field numbers of opentelemetry/proto/profiles/v1development/profiles.proto, which changed from release to release. A
// reader of another level decodes without an error, and gets garbage: the level is configured, never guessed.

import type { OtlpLevel } from '../../core/otlp-encoding.ts'

/** What differs between levels; everything else stands in fields.ts. */
export interface LevelFields {
  readonly sample: { readonly attributes: number; readonly link: number; readonly values: number }
  readonly profile: {
    readonly profileId: number
    readonly originalPayloadFormat: number
    readonly originalPayload: number
  }
  /** ValueType.aggregation_temporality, where that exists. */
  readonly temporality: number | undefined
}

const BEFORE_1_10 = { attributes: 3, link: 4, values: 2 } as const
const SINCE_1_9 = { profileId: 7, originalPayloadFormat: 9, originalPayload: 10 } as const

/** Releases v1.8.0, v1.9.0 and v1.10.0 of opentelemetry-proto; 1.11 is as 1.10. */
export const LEVEL_FIELDS: Readonly<Record<OtlpLevel, LevelFields>> = {
  '1.8': {
    sample: BEFORE_1_10,
    profile: { profileId: 8, originalPayloadFormat: 10, originalPayload: 11 },
    temporality: 3,
  },
  '1.9': { sample: BEFORE_1_10, profile: SINCE_1_9, temporality: undefined },
  '1.10': { sample: { attributes: 2, link: 3, values: 4 }, profile: SINCE_1_9, temporality: undefined },
}
