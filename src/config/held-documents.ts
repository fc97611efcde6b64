// Which documents are in force, one per identity: the first valid one, else what was valid last.

import type { ConfigDocument } from './config-document.ts'

export type ValidDocument = Exclude<ConfigDocument, { kind: 'invalid' }>

/** Something that lies in the directory: a document, or a file without any. */
export type Place =
  | {
      readonly is: 'document'
      readonly file: string
      readonly index: number
      readonly document: ConfigDocument
      readonly written: string
      /** It is all there is in its file. */
      readonly alone: boolean
    }
  | { readonly is: 'unreadable'; readonly file: string; readonly problem: string }
  | { readonly is: 'ignored'; readonly file: string; readonly reason: string }

/** A document in force, or one whose time is over. */
export interface Held {
  readonly document: ValidDocument
  readonly file: string
  readonly index: number
  /** Of the file, when this document was last read from it. */
  readonly written: string
  /** By the clock: its time to live counts from here. */
  readonly since: number
  readonly expired: boolean
  /** What was odd about how it came into force. */
  readonly warnings: readonly string[]
  /** What is broken in its stead now; undefined: nothing is. */
  readonly keptFor: Place | undefined
}

/** By identity. */
export type HeldDocuments = ReadonlyMap<string, Held>

export const AGENT = 'AgentConfig'

export const keyOf = (document: ValidDocument): string =>
  document.kind === 'agent' ? AGENT : keyOfIdentity({ type: document.type, name: document.collection.name })

/** There is one AgentConfig, whatever its name. */
const keyOfIdentity = ({ type, name }: { readonly type: string; readonly name: string }): string =>
  type.endsWith(AGENT) ? AGENT : `${type}\n${name}`

/** @param now by the clock, in ms */
export function heldOf(places: readonly Place[], previous: HeldDocuments, now: number): HeldDocuments {
  const held = new Map<string, Held>()
  const unclaimed = (): readonly Claim[] => [...previous].filter(([key]) => !held.has(key))
  for (const place of places) {
    for (const [key, one] of claimsOf(place, unclaimed(), previous, now))
      if (!held.has(key)) held.set(key, one)
  }
  for (const place of places) {
    for (const [key, one] of mayStillSay(place, unclaimed())) held.set(key, kept(one, place, now))
  }
  return held
}

type Claim = readonly [key: string, held: Held]

/** A valid document claims its identity; a broken one that tells its identity what its own file said of it before. */
function claimsOf(
  place: Place,
  unclaimed: readonly Claim[],
  previous: HeldDocuments,
  now: number,
): readonly Claim[] {
  if (place.is !== 'document') return []
  const { document, file } = place
  if (document.kind !== 'invalid') {
    const key = keyOf(document)
    return [[key, holding(place, document, previous.get(key), now)]]
  }
  if (document.identity === undefined) return []
  return mayStillSay(place, unclaimed)
    .filter(([, before]) => before.file === file)
    .map(([key, before]) => [key, kept(before, place, now)])
}

/** Of what nobody says validly any more, that which this broken document or unreadable file may still mean to say. */
function mayStillSay(place: Place, unclaimed: readonly Claim[]): readonly Claim[] {
  if (place.is === 'ignored' || (place.is === 'document' && place.document.kind !== 'invalid')) return []
  const ofFile = unclaimed.filter(([, before]) => before.file === place.file)
  if (place.is === 'unreadable') return ofFile
  const identity = place.document.kind === 'invalid' ? place.document.identity : undefined
  if (identity !== undefined) return unclaimed.filter(([key]) => key === keyOfIdentity(identity))
  const there = ofFile.filter(([, before]) => before.index === place.index)
  return place.alone || there.length === 0 ? ofFile : there
}

function holding(
  { file, index, written }: Extract<Place, { is: 'document' }>,
  document: ValidDocument,
  before: Held | undefined,
  now: number,
): Held {
  const next = {
    document: sameObject(before?.document, document),
    file,
    index,
    written,
    since: now,
    expired: false,
    keptFor: undefined,
  }
  if (before === undefined) return { ...next, warnings: [] }
  const isUnchanged = isSame(before.document, document)
  const known = {
    ...next,
    warnings: isUnchanged ? before.warnings : oddChange(before.document, document),
  }
  const isWrittenAgain = before.written !== written || before.file !== file
  return isWrittenAgain ? known : expiredBy({ ...known, since: before.since, expired: before.expired }, now)
}

const kept = (before: Held, keptFor: Place, now: number): Held => ({ ...expiredBy(before, now), keptFor })

/** An AgentConfig that was only parsed again is not taken for another. */
function sameObject(before: ValidDocument | undefined, document: ValidDocument): ValidDocument {
  if (before?.kind !== 'agent' || document.kind !== 'agent') return document
  return isSame(before, document) && before.place === document.place ? before : document
}

function isSame(a: ValidDocument, b: ValidDocument): boolean {
  if (a.kind === 'agent' || b.kind === 'agent') {
    return a.kind === 'agent' && b.kind === 'agent' && a.text === b.text
  }
  return (
    a.collection.contentHash === b.collection.contentHash && a.collection.version === b.collection.version
  )
}

function oddChange(before: ValidDocument, after: ValidDocument): readonly string[] {
  if (before.kind === 'agent' || after.kind === 'agent') return []
  const { version } = after.collection
  if (version === '' || before.collection.version !== version) return []
  return [
    `${after.place}: the content changed, but the version is still ${JSON.stringify(version)}; the new content is in force`,
  ]
}

/** By the clock; undefined: it stays. */
export function expiryOf({ document, since }: Held): number | undefined {
  return document.kind === 'agent' || document.ttl === undefined ? undefined : since + document.ttl
}

export function expiredBy(held: Held, now: number): Held {
  const expiry = expiryOf(held)
  return held.expired || expiry === undefined || expiry > now ? held : { ...held, expired: true }
}
