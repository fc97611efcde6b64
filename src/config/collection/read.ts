// A document that says ProfileCollectionConfig, in whichever form, to what it comes to.

import type { EventInfo } from '../../core/profile.ts'
import type { Milliseconds } from '../../core/units.ts'
import type { CollectionCatalog, ConfigDocument } from '../config-document.ts'
import { fieldProblem, problemsOf } from '../problems.ts'
import { unwrap, type WrappedKind } from '../wrapper.ts'
import type { Path, YamlDocument } from '../yaml-document.ts'
import { eventOf, rateProblems, rateWarnings, strangeConsumers } from './catalog-remarks.ts'
import { collectionOf } from './collection.ts'
import { COLLECTION_TYPE, plainCollectionSchema } from './kinds.ts'
import { inCamelCase, inSnakeCase, type Remark, type Spelling, type StatedCollection } from './stated.ts'

/** What a document states, and where. */
export interface CollectionReading {
  readonly type: string
  readonly name: string
  readonly version: string
  readonly ttl: Milliseconds | undefined
  readonly stated: StatedCollection
  readonly spelling: Spelling
  /** Where its fields stand. */
  readonly base: Path
  readonly warnings: readonly string[]
}

export type ReadCollection =
  | { readonly is: 'valid'; readonly reading: CollectionReading }
  | { readonly is: 'invalid'; readonly problems: readonly string[] }

export function readPlainCollection(document: YamlDocument): ReadCollection {
  const parsed = plainCollectionSchema.safeParse(document.value)
  if (!parsed.success)
    return { is: 'invalid', problems: problemsOf(parsed.error, plainCollectionSchema, document, []) }
  const { metadata, spec } = parsed.data
  const reading: CollectionReading = {
    type: COLLECTION_TYPE,
    name: metadata.name,
    version: metadata.version ?? '',
    ttl: undefined,
    stated: spec,
    spelling: inCamelCase,
    base: ['spec'],
    warnings: [],
  }
  return { is: 'valid', reading }
}

export function readWrappedCollection(
  document: YamlDocument,
  type: string,
  kind: WrappedKind<StatedCollection>,
): ReadCollection {
  const unwrapping = unwrap(document, kind)
  if (unwrapping.is === 'invalid') return unwrapping
  const { fields, ...head } = unwrapping.value
  return { is: 'valid', reading: { ...head, type, stated: fields, spelling: inSnakeCase } }
}

/** Checked by what the agent knows. */
export function checkedCollection(
  document: YamlDocument,
  reading: CollectionReading,
  catalog: CollectionCatalog,
): DistributiveOmit<Extract<ConfigDocument, { kind: 'collection' | 'invalid' }>, 'place'> {
  const { type, name, version, ttl, stated } = reading
  const event = eventOf(stated.eventName, catalog)
  const info = event.is === 'known' ? event.info : undefined
  const problems = [
    ...(event.is === 'unknown' ? [event.remark] : []),
    ...rateProblems(stated, info),
    ...strangeConsumers(stated.consumers ?? [], catalog),
  ].map((remark) => lineOf(document, reading, remark))
  if (problems.length > 0) return { kind: 'invalid', identity: { type, name }, problems }
  return {
    kind: 'collection',
    type,
    collection: collectionOf({ type, name, version }, stated, info),
    ttl,
    warnings: warningsOf(document, reading, info),
  }
}

/** What the document's author may not have meant. */
export const warningsOf = (
  document: YamlDocument,
  reading: CollectionReading,
  info: EventInfo | undefined,
): readonly string[] => [
  ...reading.warnings,
  ...rateWarnings(reading.stated, info, reading.spelling).map((remark) => lineOf(document, reading, remark)),
]

type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key> : never

const lineOf = (document: YamlDocument, { base, spelling }: CollectionReading, remark: Remark): string =>
  fieldProblem(document, [...base, spelling(remark.field)], remark.message)
