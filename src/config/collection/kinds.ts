// ProfileCollectionConfig in its forms.

import { plainDocument } from '../identity-schema.ts'
import { type WrappedKind, wrapperSchema } from '../wrapper.ts'
import { plainSpecSchema, snakeFields, snakeSchema, statedOf } from './fields.ts'
import { COLLECTION_SHAPE, PREDECESSORS_SHAPE } from './payload-shape.ts'
import type { StatedCollection } from './stated.ts'

export const COLLECTION_KIND = 'ProfileCollectionConfig'
export const COLLECTION_TYPE = `sonde.v1.${COLLECTION_KIND}`
export const PREDECESSORS_TYPE = `antimetal.agent.v1.${COLLECTION_KIND}`

export const plainCollectionSchema = plainDocument(COLLECTION_KIND, plainSpecSchema)

/** Plain fields are Sonde's own in both: whoever writes them may write all of them. */
export const wrappedCollectionSchema = wrapperSchema([COLLECTION_TYPE, PREDECESSORS_TYPE], snakeFields)

const wrapped = {
  message: COLLECTION_KIND,
  wrapper: wrappedCollectionSchema,
  schema: snakeSchema.transform(statedOf),
  fields: Object.keys(snakeFields.shape),
}

/** By the wrapper's type. */
export const WRAPPED_COLLECTIONS: ReadonlyMap<string, WrappedKind<StatedCollection>> = new Map([
  [COLLECTION_TYPE, { ...wrapped, shape: COLLECTION_SHAPE, unknownNumbers: 'refused' }],
  [PREDECESSORS_TYPE, { ...wrapped, shape: PREDECESSORS_SHAPE, unknownNumbers: 'told' }],
])
