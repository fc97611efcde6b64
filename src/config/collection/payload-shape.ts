// The numbers of ProfileCollectionConfig in proto/.

import type { PayloadField, PayloadShape } from '../payload.ts'
import { type CollectionField, inSnakeCase, type StatedCollection } from './stated.ts'

type Numbered = Omit<PayloadField, 'name'> & { readonly field: CollectionField }

/** antimetal.agent.v1.ProfileCollectionConfig */
const PREDECESSORS: Readonly<Record<number, Numbered>> = {
  1: { field: 'eventName', is: 'text' },
  2: { field: 'samplePeriod', is: 'number' },
  3: { field: 'intervalSeconds', is: 'number' },
  4: { field: 'maxStackDepth', is: 'number' },
  5: { field: 'processFilters', is: 'text', repeated: true },
}

/** sonde.v1.ProfileCollectionConfig; numbers below 16 are left to the predecessor. */
export const COLLECTION_NUMBERS: Readonly<Record<number, Numbered>> = {
  ...PREDECESSORS,
  16: { field: 'sampleFrequencyHz', is: 'number' },
  17: { field: 'cgroups', is: 'text', repeated: true },
  18: { field: 'kernelStacks', is: 'flag' },
  19: { field: 'userStacks', is: 'flag' },
  20: { field: 'threadNames', is: 'flag' },
  21: { field: 'consumers', is: 'text', repeated: true },
}

const shapeOf = (numbers: Readonly<Record<number, Numbered>>): PayloadShape =>
  Object.fromEntries(
    Object.entries(numbers).map(([number, { field, ...rest }]) => [
      number,
      { ...rest, name: inSnakeCase(field) },
    ]),
  )

export const PREDECESSORS_SHAPE = shapeOf(PREDECESSORS)
export const COLLECTION_SHAPE = shapeOf(COLLECTION_NUMBERS)

/** Whether the predecessor's message has all that is stated. */
export const fitsPredecessors = (stated: StatedCollection): boolean =>
  Object.entries(COLLECTION_NUMBERS).every(
    ([number, { field }]) => number in PREDECESSORS || stated[field] === undefined,
  )
