// Documents of configuration that take one line each, for tests of what comes after they were read.

import type { ConfigDocument } from '../../src/config/config-document.ts'
import { readYaml } from '../../src/config/yaml-document.ts'
import type { ProfileCollection } from '../../src/core/profile-collection.ts'
import { EVERYTHING } from '../../src/core/sample-filter.ts'
import { hertz, milliseconds } from '../../src/core/units.ts'

export const TYPE = 'sonde.v1.ProfileCollectionConfig'

/**
 * A document per line:
 *
 *     collection NAME VERSION CONTENT [TTL-MS [TYPE]]     '-' is no version
 *     agent TEXT
 *     broken NAME                                         tells its identity
 *
 * and anything else is a document of which nothing can be told.
 */
export function readLines(text: string, file: string): readonly ConfigDocument[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line, index) => documentOf(line, `${file}:${index + 1}:1`))
}

function documentOf(line: string, place: string): ConfigDocument {
  const [kind, name = '', version = '-', content = '', ttl, type = TYPE] = line.split(' ')
  switch (kind) {
    case 'collection':
      return {
        ...{ kind, type, place, warnings: [] },
        collection: collection(name, version === '-' ? '' : version, content),
        ttl: ttl === undefined || ttl === '-' ? undefined : milliseconds(Number(ttl)),
      }
    case 'agent':
      return { kind, text: line, document: readYaml(line, ''), place }
    case 'broken':
      return { kind: 'invalid', identity: { type: TYPE, name }, problems: [`${place}: broken`], place }
    default:
      return { kind: 'invalid', identity: undefined, problems: [`${place}: nonsense`], place }
  }
}

export const collection = (name: string, version: string, content: string): ProfileCollection => ({
  ...{
    type: TYPE,
    name,
    version,
    eventName: 'cpu-clock',
    interval: milliseconds(10_000),
    maxStackDepth: undefined,
  },
  rate: { by: 'frequency', hertz: hertz(99) },
  filter: EVERYTHING,
  ...{ kernelStacks: true, userStacks: true, threadNames: true, consumers: undefined, contentHash: content },
})

/** `name version content` of each. */
export const told = (collections: readonly ProfileCollection[]): readonly string[] =>
  collections.map(({ name, version, contentHash }) => `${name} ${version || '-'} ${contentHash}`)
