// What a ProfileCollectionConfig says, whichever of its forms it has, before defaults are filled in.

export interface StatedCollection {
  readonly eventName: string
  /** In the event's units; without it and without a frequency, as is usual for the event. */
  readonly samplePeriod?: number | undefined
  readonly sampleFrequencyHz?: number | undefined
  readonly intervalSeconds?: number | undefined
  readonly maxStackDepth?: number | undefined
  /** Names of processes. */
  readonly processFilters?: readonly string[] | undefined
  /** Paths or ids. */
  readonly cgroups?: readonly string[] | undefined
  readonly kernelStacks?: boolean | undefined
  readonly userStacks?: boolean | undefined
  readonly threadNames?: boolean | undefined
  readonly consumers?: readonly string[] | undefined
}

export type CollectionField = keyof StatedCollection

/** As they stand in documents. */
export const COLLECTION_FIELDS = [
  'eventName',
  'samplePeriod',
  'sampleFrequencyHz',
  'intervalSeconds',
  'maxStackDepth',
  'processFilters',
  'cgroups',
  'kernelStacks',
  'userStacks',
  'threadNames',
  'consumers',
] as const satisfies readonly CollectionField[]

/** How a form spells its fields. */
export type Spelling = (field: CollectionField) => string
export const inCamelCase: Spelling = (field) => field
export const inSnakeCase: Spelling = (field) =>
  field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Something about a field. */
export interface Remark {
  readonly field: CollectionField
  readonly message: string
}
