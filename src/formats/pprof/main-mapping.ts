// pprof shows the first mapping as the profile's program.

import type { MappingEntry } from '../profile/dictionary.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'

const SHARED_OBJECT = /\.so(\.|$)/

/**
 * The program that most samples ran: of all mappings of files that are not shared objects the one with the most samples
 * in or below it. Where none is, any file; undefined where there is no file either.
 */
export function mainMappingOf(profile: SessionProfile, rows: Uint32Array): number | undefined {
  const samples = samplesByMapping(profile, rows)
  const numbers = [...samples.keys()].sort((a, b) => (samples.get(b) ?? 0) - (samples.get(a) ?? 0) || a - b)
  const files = numbers.filter((number) => isFile(profile.dictionary.mapping(number)))
  return files.find((number) => !SHARED_OBJECT.test(profile.dictionary.mapping(number).path)) ?? files[0]
}

const isFile = ({ kind, imageKind }: MappingEntry): boolean => kind === 'native' && imageKind === 'file'

/** Those of a stack count once for each mapping, however many of its frames lie there. */
function samplesByMapping({ rows, dictionary }: SessionProfile, numbers: Uint32Array): Map<number, number> {
  const samples = new Map<number, number>()
  const eachStack = (stack: number, count: number): void => {
    const { words } = dictionary.stacks
    const mappings = new Set<number>()
    for (let at = dictionary.stacks.start(stack); at < dictionary.stacks.end(stack); at++) {
      mappings.add(dictionary.mappingOf(words[at] as number))
    }
    for (const mapping of mappings) samples.set(mapping, (samples.get(mapping) ?? 0) + count)
  }
  let stack = -1
  let count = 0
  for (const row of numbers) {
    if (rows.stackOf(row) !== stack) {
      if (count > 0) eachStack(stack, count)
      stack = rows.stackOf(row)
      count = 0
    }
    count += rows.count(row)
  }
  if (count > 0) eachStack(stack, count)
  return samples
}
