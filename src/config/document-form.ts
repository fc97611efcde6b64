// What a document says it is, and what it states as that.

import { didYouMean } from '../base/near.ts'
import { COLLECTION_KIND, WRAPPED_COLLECTIONS } from './collection/kinds.ts'
import { type ReadCollection, readPlainCollection, readWrappedCollection } from './collection/read.ts'
import type { ConfigIdentity } from './config-document.ts'
import { shown } from './expecting.ts'
import {
  HOST_STATS_KIND,
  plainHostStatsProblems,
  WRAPPED_HOST_STATS,
  wrappedHostStatsProblems,
} from './host-stats.ts'
import { fieldProblem } from './problems.ts'
import type { YamlDocument } from './yaml-document.ts'

export type DocumentForm =
  | { readonly is: 'agent' }
  | { readonly is: 'collection'; readonly read: ReadCollection }
  | { readonly is: 'host stats' | 'unknown'; readonly problems: readonly string[] }

const KINDS = ['AgentConfig', COLLECTION_KIND, HOST_STATS_KIND]
const TYPES = [...WRAPPED_COLLECTIONS.keys(), ...WRAPPED_HOST_STATS.keys()]

/** What the document says it is. */
export function formOf(document: YamlDocument): DocumentForm {
  const { value } = document
  const isPlain = fieldOf(value, 'kind') !== undefined || fieldOf(value, 'apiVersion') !== undefined
  if (isPlain) return plainFormOf(document)
  if (fieldOf(value, 'type') !== undefined) return wrappedFormOf(document)
  const problem = `is no configuration: expected apiVersion, kind (${KINDS.join(', ')}), metadata and spec; or type, name and data`
  return { is: 'unknown', problems: [fieldProblem(document, [], problem)] }
}

function plainFormOf(document: YamlDocument): DocumentForm {
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

function wrappedFormOf(document: YamlDocument): DocumentForm {
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
export function identityOf({ value }: YamlDocument): ConfigIdentity | undefined {
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
