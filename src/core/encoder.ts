// Encoding that takes more than a few milliseconds runs beside the event loop. What is to be encoded is said as plain
// data over shared memory, so that it crosses to a worker without a copy.

import type { ContentEncoding } from './delivery.ts'
import type { OtlpEncoding } from './otlp-encoding.ts'
import type { SessionInfo } from './profile.ts'
import type { SampleResources } from './resource.ts'
import type { FrameNames } from './symbolizer.ts'

/** A window, or some of its sessions, in the form that a worker can take: `batchesOf` makes batches of it again. */
export interface WindowSource {
  readonly buffer: SharedArrayBuffer
  readonly sessions: readonly SessionInfo[]
  readonly names: FrameNames
  /** By SessionInfo.id, where they are known and wanted. */
  readonly resources?: ReadonlyMap<number, SampleResources>
}

/** A session whose samples are to be written, and the id by which the records name its event. */
export interface SampleSession {
  /** SessionInfo.id. */
  readonly session: number
  readonly eventId: bigint
  /** SessionInfo.tellsCgroups. */
  readonly tellsCgroups: boolean
}

/**
 * The PERF_RECORD_SAMPLE records of sessions of a window, one session after another. Rejects where the buffer is no
 * window buffer of this version.
 * @throws TypeError for arguments that are not of these types
 */
export type EncodeSamples = (window: Uint8Array, sessions: readonly SampleSession[]) => Promise<Uint8Array>

/** The file formats of whole profiles, as configuration names them. */
export const PROFILE_FORMATS = ['pprof', 'folded', 'speedscope', 'html', 'firefox'] as const
export type ProfileFormat = (typeof PROFILE_FORMATS)[number]

/**
 * What tells samples apart besides process and thread: the CPU; the cgroup, where samples tell it; whom it belongs to
 * (WindowSource.resources). With `time` every sample's time is kept; with `timeline` what happened meanwhile to threads and to sampling.
 */
export type SampleLabel = 'cpu' | 'cgroup' | 'resource' | 'time' | 'timeline'

export interface ProfileLimits {
  /** Bytes that the profile's tables may take; samples that find no room are counted (`table_full`). */
  readonly maxBytes: number
  readonly labels: readonly SampleLabel[]
}

/** What became of a window's samples. */
export interface ProfileAdded {
  readonly kept: number
  /** Samples that found no room in the profile's tables. */
  readonly tableFull: number
}

/** What a network consumer sends of a profile. `sessions` are ids; those without samples are left out. */
export type PayloadRequest =
  | { readonly kind: 'otlp'; readonly sessions: readonly number[]; readonly encoding: OtlpEncoding }
  /** One pprof for each session and service, in Datadog's words. */
  | {
      readonly kind: 'datadog'
      readonly sessions: readonly number[]
      readonly compression: ContentEncoding
    }

/** The body of one request, or what it is made around, and what is in it. */
export interface EncodedPayload {
  /** Compressed. */
  readonly body: Uint8Array
  readonly samples: number
  readonly profiles: number
  /** Before compression. */
  readonly plainBytes: number
  /** Of `datadog`: whose profile it is. */
  readonly about?: ServiceProfile
}

/** One event of one service. */
export interface ServiceProfile {
  /** SessionInfo.id. */
  readonly session: number
  readonly service: string
  /** Nobody said that it is called so: its program or its container did. */
  readonly isInferred: boolean
  /** The one container that all samples are of; '' where they are of several, or some are of none. */
  readonly containerId: string
  /** Unix time, ns. */
  readonly start: bigint
  readonly end: bigint
}

/** Samples of many windows, aggregated by stack, thread and name: what a profile file is made of. */
export interface OpenProfile {
  /** Rejects when the profile is gone (its thread died): all that was in it is lost then. */
  add(window: WindowSource): Promise<ProfileAdded>
  /** The bytes of one file with the samples of `sessions` (ids); pprof and folded hold one session. */
  encode(format: ProfileFormat, sessions: readonly number[]): Promise<Uint8Array>
  /** As many payloads as it takes; none where there are no samples. Their ids are new each time. */
  payloads(request: PayloadRequest): Promise<readonly EncodedPayload[]>
  /** Releases it. Safe twice. */
  close(): void
}

/** Makes files of profiles. */
export interface ProfileEncoder {
  openProfile(limits: ProfileLimits): OpenProfile
}
