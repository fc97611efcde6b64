// What a ProfileCollectionConfig comes to: one event, sampled for some consumers, until its configuration says otherwise.

import type { SamplingRate } from './profile.ts'
import type { SampleFilter } from './sample-filter.ts'
import type { Milliseconds } from './units.ts'

/** Valid, with every default filled in; whether this machine can honour it shows when it starts. */
export interface ProfileCollection {
  /** Of the document that it stands in: `sonde.v1.ProfileCollectionConfig`. */
  readonly type: string
  /** With the type its identity. */
  readonly name: string
  /** As it was stated; '' where it was not. */
  readonly version: string
  /** perf's spelling, modifiers included. */
  readonly eventName: string
  readonly rate: SamplingRate
  /** How often its samples are handed to the consumers. */
  readonly interval: Milliseconds
  /** Frames of a stack that the kernel follows; undefined: as many as are usual. */
  readonly maxStackDepth: number | undefined
  readonly filter: SampleFilter
  /** Whether the kernel's part of the stacks is wanted, and the program's. */
  readonly kernelStacks: boolean
  readonly userStacks: boolean
  /** Whether samples tell their threads' names; without, their process's. */
  readonly threadNames: boolean
  /** Names of the consumers that get its samples; undefined: all. */
  readonly consumers: readonly string[] | undefined
  /** Of everything but name and version: equal where nothing has to change but those. */
  readonly contentHash: string
}

/** By its identity. */
export const collectionKey = ({ type, name }: Pick<ProfileCollection, 'type' | 'name'>): string =>
  `${type}:${name}`

/** What became of a collection that was asked for. */
export type CollectionState =
  | { readonly state: 'running' }
  /** It could not be started; `kept`: the version that runs on in its stead, where one does. */
  | { readonly state: 'failed'; readonly problem: string; readonly kept: string | undefined }
