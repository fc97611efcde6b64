// What is told of each document in a directory of configuration.

import { AGENT, type HeldDocuments, keyOf, type Place, type ValidDocument } from './held-documents.ts'
import type { ConfigFileStatus } from './wanted-state.ts'

export function statusOf(place: Place, held: HeldDocuments): ConfigFileStatus {
  const { file } = place
  const untold = { file, document: 0, kind: '', name: '', version: '' }
  switch (place.is) {
    case 'ignored':
      return { ...untold, state: 'ignored', problems: [], warnings: [`${file}: ${place.reason}`] }
    case 'unreadable':
      return {
        ...untold,
        state: 'invalid',
        problems: [`${file}: ${place.problem}`],
        warnings: goingOn(place, held),
      }
    case 'document':
      return statusOfDocument(place, held)
  }
}

function statusOfDocument(place: Extract<Place, { is: 'document' }>, held: HeldDocuments): ConfigFileStatus {
  const { document, file, index } = place
  if (document.kind === 'invalid') {
    const { type: kind = '', name = '' } = document.identity ?? {}
    const { problems } = document
    const warnings = goingOn(place, held)
    return { file, document: index, kind, name, version: '', state: 'invalid', problems, warnings }
  }
  const status = { file, document: index, ...titleOf(document) }
  const holder = held.get(keyOf(document))
  if (
    holder === undefined ||
    holder.keptFor !== undefined ||
    holder.file !== file ||
    holder.index !== index
  ) {
    const problems = [supersededBy(document, holder?.keptFor?.file ?? holder?.document.place)]
    return { ...status, state: 'superseded', problems, warnings: [] }
  }
  const warnings = [...(document.kind === 'agent' ? [] : document.warnings), ...holder.warnings]
  return holder.expired
    ? { ...status, state: 'expired', problems: [timeIsOver(document)], warnings }
    : { ...status, state: 'loaded', problems: [], warnings }
}

const titleOf = (document: ValidDocument): Pick<ConfigFileStatus, 'kind' | 'name' | 'version'> =>
  document.kind === 'agent'
    ? { kind: AGENT, name: '', version: '' }
    : { kind: document.type, name: document.collection.name, version: document.collection.version }

const named = (document: ValidDocument): string =>
  document.kind === 'agent' ? AGENT : `${document.type} ${JSON.stringify(document.collection.name)}`

const supersededBy = (document: ValidDocument, other: string | undefined): string =>
  `${document.place}: ${named(document)} stands at ${other} too, which comes first; this one has no effect`

function timeIsOver(document: ValidDocument): string {
  const ttl = document.kind === 'agent' ? undefined : document.ttl
  return `${document.place}: its time to live of ${(ttl ?? 0) / 1000} s is over; write the file again to renew it`
}

/** What was valid last, in the stead of what is broken now. */
function goingOn(place: Place, held: HeldDocuments): readonly string[] {
  return [...held.values()].flatMap(({ document, keptFor, expired }) => {
    if (keptFor !== place) return []
    const { version } = titleOf(document)
    const which = `${named(document)}${version === '' ? '' : ` version ${JSON.stringify(version)}`}`
    return [
      expired ? `${which} went on as it was, until its time to live was over` : `${which} goes on as it was`,
    ]
  })
}
