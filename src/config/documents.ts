// The documents of a configuration file: YAML or JSON, of Sonde's kinds or in the predecessor's wrapper.

import { didYouMean } from '../base/near.ts'
import { COLLECTION_KIND, WRAPPED_COLLECTIONS } from './collection/kinds.ts'
import {
  checkedCollection,
  type ReadCollection,
  readPlainCollection,
  readWrappedCollection,
} from './collection/read.ts'
import type { CollectionCatalog, ConfigDocument, ConfigIdentity } from './config-document.ts'
import { shown } from './expecting.ts'
import {
  HOST_STATS_KIND,
  plainHostStatsProblems,
  WRAPPED_HOST_STATS,
  wrappedHostStatsProblems,
} from './host-stats.ts'
import { fieldProblem } from './problems.ts'
import { problemAt, readYamlDocuments, type YamlDocument, type YamlReading } from './yaml-document.ts'

export type { CollectionCatalog, ConfigDocument, ConfigIdentity } from './config-document.ts'

/** UTF-16 units; what a parser does with more of them takes longer than a running agent can wait. */
export const MAX_CONFIG_TEXT = 256 * 1024
const MAX_DOCUMENTS = 256

/**
 * In their order; documents without anything in them are none.
 * @param file how it is called in messages
 */
export function readDocuments(
  text: string,
  file: string,
  catalog: CollectionCatalog,
): readonly ConfigDocument[] {
  const start = { line: 1, column: 1 }
  const place = `${file}:1:1`
  const refused = (problem: string): readonly ConfigDocument[] => [
    {
      kind: 'invalid',
      place,
      identity: undefined,
      problems: [problemAt({ file, number: undefined }, start, problem)],
    },
  ]
  if (text.length > MAX_CONFIG_TEXT)
    return refused(`is too long: ${text.length} characters, ${MAX_CONFIG_TEXT} are the most`)
  const readings = readYamlDocuments(text, file)
  if (readings.length > MAX_DOCUMENTS)
    return refused(`has too many documents: ${readings.length}, ${MAX_DOCUMENTS} are the most`)
  return readings
    .filter(({ document, problems }) => document.value !== null || problems.length > 0)
    .map((reading) => documentOf(reading, catalog))
}

function documentOf({ document, problems }: YamlReading, catalog: CollectionCatalog): ConfigDocument {
  const { file, start } = document
  const place = `${file}:${start.line}:${start.column}`
  if (problems.length > 0) return { kind: 'invalid', place, identity: identityOf(document), problems }
  const asInvalid = (found: readonly string[]): ConfigDocument => ({
    kind: 'invalid',
    place,
    identity: identityOf(document),
    problems: atMost(found),
  })
  const form = formOf(document)
  switch (form.is) {
    case 'agent':
      return { kind: 'agent', place, text: document.text, document }
    case 'host stats':
    case 'unknown':
      return asInvalid(form.problems)
    case 'collection': {
      const { read } = form
      return read.is === 'invalid'
        ? asInvalid(read.problems)
        : { ...checkedCollection(document, read.reading, catalog), place }
    }
  }
}

type Form =
  | { readonly is: 'agent' }
  | { readonly is: 'collection'; readonly read: ReadCollection }
  | { readonly is: 'host stats' | 'unknown'; readonly problems: readonly string[] }

const KINDS = ['AgentConfig', COLLECTION_KIND, HOST_STATS_KIND]
const TYPES = [...WRAPPED_COLLECTIONS.keys(), ...WRAPPED_HOST_STATS.keys()]

/** What the document says it is. */
function formOf(document: YamlDocument): Form {
  const { value } = document
  const isPlain = fieldOf(value, 'kind') !== undefined || fieldOf(value, 'apiVersion') !== undefined
  if (isPlain) return plainFormOf(document)
  if (fieldOf(value, 'type') !== undefined) return wrappedFormOf(document)
  const problem = `is no configuration: expected apiVersion, kind (${KINDS.join(', ')}), metadata and spec; or type, name and data`
  return { is: 'unknown', problems: [fieldProblem(document, [], problem)] }
}

function plainFormOf(document: YamlDocument): Form {
  const kind = fieldOf(document.value, 'kind')
  switch (kind) {
    case 'AgentConfig':
      return { is: 'agent' }
    case COLLECTION_KIND:
      return { is: 'collection', read: readPlainCollection(document) }
    case HOST_STATS_KIND:
      return { is: 'host stats', problems: plainHostStatsProblems(document) }
    default:
      return { is: 'unknown', problems: [fieldProblem(document, ['kind'], unknownName('kind', kind, KINDS))] }
  }
}

function wrappedFormOf(document: YamlDocument): Form {
  const type = fieldOf(fieldOf(document.value, 'type'), 'type')
  const collection = typeof type === 'string' ? WRAPPED_COLLECTIONS.get(type) : undefined
  if (typeof type === 'string' && collection !== undefined)
    return { is: 'collection', read: readWrappedCollection(document, type, collection) }
  const hostStats = typeof type === 'string' ? WRAPPED_HOST_STATS.get(type) : undefined
  if (hostStats !== undefined)
    return { is: 'host stats', problems: wrappedHostStatsProblems(document, hostStats) }
  return {
    is: 'unknown',
    problems: [fieldProblem(document, ['type', 'type'], unknownName('type', type, TYPES))],
  }
}

/** Far more than any name that is known: what is longer is not compared with them. */
const LONGEST_NAME = 100

function unknownName(what: string, name: unknown, known: readonly string[]): string {
  if (typeof name !== 'string')
    return name === undefined
      ? `is missing; expected ${known.join(', ')}`
      : `expected ${known.join(', ')}, found ${shown(name)}`
  const meant = name.length > LONGEST_NAME ? '' : didYouMean(name, known)
  return `there is no ${what} ${shown(name)}${meant || `; known are ${known.join(', ')}`}`
}

/** Also of a document that is broken elsewhere. */
function identityOf({ value }: YamlDocument): ConfigIdentity | undefined {
  const kind = fieldOf(value, 'kind')
  if (kind === 'AgentConfig') return { type: 'sonde.v1.AgentConfig', name: '' }
  const isPlain = typeof kind === 'string'
  const type = isPlain ? `sonde.v1.${kind}` : fieldOf(fieldOf(value, 'type'), 'type')
  const name = isPlain ? fieldOf(fieldOf(value, 'metadata'), 'name') : fieldOf(value, 'name')
  return typeof type === 'string' && typeof name === 'string' ? { type, name } : undefined
}

/** What the document itself has; nothing of what every object has. */
const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined

/** More of them are one mistake's echoes. */
const PROBLEMS_SHOWN = 20

const atMost = (problems: readonly string[]): readonly string[] => {
  const more = problems.length - PROBLEMS_SHOWN
  return more <= 0 ? problems : [...problems.slice(0, PROBLEMS_SHOWN), `… and ${more} more`]
}
