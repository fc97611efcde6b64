// The documents of a configuration file: YAML or JSON, of Sonde's kinds or in the predecessor's wrapper.

import { checkedCollection } from './collection/read.ts'
import type { CollectionCatalog, ConfigDocument } from './config-document.ts'
import { formOf, identityOf } from './document-form.ts'
import { problemAt, readYamlDocuments, type YamlReading } from './yaml-document.ts'

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

/** More of them are one mistake's echoes. */
const PROBLEMS_SHOWN = 20

const atMost = (problems: readonly string[]): readonly string[] => {
  const more = problems.length - PROBLEMS_SHOWN
  return more <= 0 ? problems : [...problems.slice(0, PROBLEMS_SHOWN), `… and ${more} more`]
}
