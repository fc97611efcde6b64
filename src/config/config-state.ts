// What is in force after a directory was read again, from what was before: pure, so that every case is a table.

import type { ProfileCollection } from '../core/profile-collection.ts'
import type { ConfigDocument } from './config-document.ts'
import { statusOf } from './config-file-status.ts'
import type { DirectoryScan, ScannedFile } from './directory-scan.ts'
import { expiredBy, expiryOf, type Held, type HeldDocuments, heldOf, type Place } from './held-documents.ts'
import type { AgentDocument, ConfigFileStatus } from './wanted-state.ts'

interface ParsedFile {
  readonly text: string
  readonly documents: readonly ConfigDocument[]
}
type ParsedFiles = ReadonlyMap<string, ParsedFile>

export interface ConfigState {
  readonly held: HeldDocuments
  readonly places: readonly Place[]
  /** What each file said, so that only what changed is parsed. */
  readonly parsed: ParsedFiles
}

export const NOTHING_HELD: ConfigState = { held: new Map(), places: [], parsed: new Map() }

export interface ReadAt {
  readonly read: (text: string, file: string) => readonly ConfigDocument[]
  /** By the clock, in ms. */
  readonly now: number
}

/** Files of a directory that cannot be read are taken for unchanged; those of one that does not exist for deleted. */
export function nextState(previous: ConfigState, scan: DirectoryScan, { read, now }: ReadAt): ConfigState {
  if (scan.directory.is === 'unreadable') {
    return { ...previous, held: new Map([...previous.held].map(([key, one]) => [key, expiredBy(one, now)])) }
  }
  const parsed = parseChanged(previous.parsed, scan.files, read)
  const places = scan.files.flatMap((file) => placesOf(file, parsed))
  return { held: heldOf(places, previous.held, now), places, parsed }
}

/** In the order in which they stand in the directory. */
export function collectionsOf(state: ConfigState): readonly ProfileCollection[] {
  return inForce(state).flatMap(({ document }) =>
    document.kind === 'collection' ? [document.collection] : [],
  )
}

export function agentOf(state: ConfigState): AgentDocument | undefined {
  const agent = inForce(state).find(({ document }) => document.kind === 'agent')
  if (agent?.document.kind !== 'agent') return undefined
  const { text, document, place } = agent.document
  return { text, document, file: agent.file, place }
}

export const statusesOf = ({ places, held }: ConfigState): readonly ConfigFileStatus[] =>
  places.map((place) => statusOf(place, held))

/** When the next document expires, by the clock; undefined: none does. */
export function nextExpiry({ held }: ConfigState): number | undefined {
  const times = [...held.values()].flatMap((one) => (one.expired ? [] : (expiryOf(one) ?? [])))
  return times.length === 0 ? undefined : Math.min(...times)
}

const inForce = ({ held }: ConfigState): readonly Held[] =>
  [...held.values()]
    .filter(({ expired }) => !expired)
    .sort((a, b) => (a.file === b.file ? a.index - b.index : a.file < b.file ? -1 : 1))

function parseChanged(before: ParsedFiles, files: readonly ScannedFile[], read: ReadAt['read']): ParsedFiles {
  const parsed = new Map<string, ParsedFile>()
  for (const one of files) {
    if (one.is !== 'text') continue
    const known = before.get(one.file)
    const isKnown = known?.text === one.text
    parsed.set(one.file, isKnown ? known : { text: one.text, documents: read(one.text, one.file) })
  }
  return parsed
}

function placesOf(scanned: ScannedFile, parsed: ParsedFiles): readonly Place[] {
  if (scanned.is !== 'text') return [scanned]
  const { file, written } = scanned
  const documents = parsed.get(file)?.documents ?? []
  if (documents.length === 0) return [{ is: 'ignored', file, reason: 'there is no document in it' }]
  const alone = documents.length === 1
  return documents.map((document, index) => ({ is: 'document', file, index, document, written, alone }))
}
