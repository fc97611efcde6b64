// A ProfileCollectionConfig from one form to another: plain YAML, base64 of its protobuf message, the wrapper around that.

import { Document, isScalar, stringify } from 'yaml'
import { formOf } from '../document-form.ts'
import { fieldProblem } from '../problems.ts'
import { unwrapData } from '../wrapper.ts'
import { readYamlDocuments, type YamlDocument } from '../yaml-document.ts'
import { encodeCollection } from './encode.ts'
import { COLLECTION_KIND, COLLECTION_TYPE, WRAPPED_COLLECTIONS } from './kinds.ts'
import { fitsPredecessors } from './payload-shape.ts'
import type { CollectionReading, ReadCollection } from './read.ts'
import { COLLECTION_FIELDS, inSnakeCase } from './stated.ts'

/** What one document states; without anything that only an agent knows. */
export interface CollectionSource {
  readonly document: YamlDocument
  readonly read: ReadCollection
}

/** Of whatever else is among the documents, that it is no ProfileCollectionConfig. */
export const collectionSources = (text: string, file: string): readonly CollectionSource[] =>
  readYamlDocuments(text, file)
    .filter(({ document, problems }) => document.value !== null || problems.length > 0)
    .map(({ document, problems }) => ({
      document,
      read: problems.length > 0 ? { is: 'invalid', problems } : collectionIn(document),
    }))

function collectionIn(document: YamlDocument): ReadCollection {
  const form = formOf(document)
  switch (form.is) {
    case 'collection':
      return form.read
    case 'agent':
      return {
        is: 'invalid',
        problems: [fieldProblem(document, [], `is an AgentConfig, no ${COLLECTION_KIND}`)],
      }
    case 'host stats':
    case 'unknown':
      return { is: 'invalid', problems: form.problems }
  }
}

const BASE64 = /^\s*[A-Za-z0-9+/_-][A-Za-z0-9+/_\s-]*={0,2}\s*$/

/** Whether it may be base64 and nothing else. */
export const isBase64 = (text: string): boolean => BASE64.test(text)

/** A message without a wrapper, which has no name; what is unknown in it is told, for it may be the predecessor's. */
export function collectionOfBase64(data: string, file: string, name: string): CollectionSource {
  const start = { line: 1, column: 1 }
  const document: YamlDocument = {
    ...{ file, number: undefined, text: data, start, value: data },
    placeOf: () => start,
    placeOfKey: () => start,
  }
  const kind = WRAPPED_COLLECTIONS.get(COLLECTION_TYPE)
  if (kind === undefined) throw new Error(`${COLLECTION_TYPE} is no wrapped kind`)
  const unwrapping = unwrapData(document, { ...kind, unknownNumbers: 'told' }, data, [])
  if (unwrapping.is === 'invalid') return { document, read: unwrapping }
  const { fields, base, warnings } = unwrapping.value
  const reading: CollectionReading = {
    ...{ type: COLLECTION_TYPE, name, version: '', ttl: undefined },
    ...{ stated: fields, spelling: inSnakeCase, base, warnings },
  }
  return { document, read: { is: 'valid', reading } }
}

/** @param comment stands beside the period: what it comes to */
export function plainText(reading: CollectionReading, comment: string | undefined): string {
  const { name, version, stated } = reading
  const spec = COLLECTION_FIELDS.flatMap((field) => {
    const value = stated[field]
    return value === undefined ? [] : [[field, value] as const]
  })
  const metadata = version === '' ? { name } : { name, version }
  const document = new Document({
    apiVersion: 'sonde/v1',
    kind: COLLECTION_KIND,
    metadata,
    spec: Object.fromEntries(spec),
  })
  const period = document.getIn(['spec', 'samplePeriod'], true)
  if (comment !== undefined && isScalar(period)) period.comment = ` ${comment}`
  return String(document)
}

export const base64Of = ({ stated }: CollectionReading): string =>
  Buffer.from(encodeCollection(stated)).toString('base64')

/** Of the type that it had, unless that is the predecessor's and has not all of its fields. */
export function wrapperText(reading: CollectionReading): string {
  const { type, name, version, ttl, stated } = reading
  return stringify({
    type: { type: fitsPredecessors(stated) ? type : COLLECTION_TYPE },
    name,
    ...(version === '' ? {} : { version }),
    ...(ttl === undefined ? {} : { ttl: `${ttl / 1_000}s` }),
    data: base64Of(reading),
  })
}
