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

function samplesByMapping({ rows, dictionary }: SessionProfile, numbers: Uint32Array): Map<number, number> {
  const samplesOfStack = new Float64Array(dictionary.stacks.length)
  for (const row of numbers) {
    const stack = rows.stackOf(row)
    samplesOfStack[stack] = (samplesOfStack[stack] as number) + rows.count(row)
  }
  const mappingOfFrame = Uint32Array.from({ length: dictionary.frameCount }, (_, frame) =>
    dictionary.mappingOf(frame),
  )
  const samples = new Float64Array(dictionary.mappingCount)
  // The stack that counted for a mapping last: each counts once, however many of its frames lie there.
  const countedFor = new Int32Array(dictionary.mappingCount).fill(-1)
  const { words } = dictionary.stacks
  samplesOfStack.forEach((count, stack) => {
    if (count === 0) return
    for (let at = dictionary.stacks.start(stack); at < dictionary.stacks.end(stack); at++) {
      const mapping = mappingOfFrame[words[at] as number] as number
      if (countedFor[mapping] === stack) continue
      countedFor[mapping] = stack
      samples[mapping] = (samples[mapping] as number) + count
    }
  })
  return new Map(
    Array.from(samples, (count, mapping): [number, number] => [mapping, count]).filter(
      ([, count]) => count > 0,
    ),
  )
}
