// pprof shows the first mapping as the profile's program.

import type { MappingEntry } from '../profile/dictionary.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'

const SHARED_OBJECT = /\.so(\.|$)/

/**
 * The program that most samples ran: of all mappings of files that are not shared objects the one with the most samples
 * in or below it. Where none is, any file; undefined where there is no file either.
 */
export function mainMappingOf(profile: SessionProfile): number | undefined {
  const samples = samplesByMapping(profile)
  const numbers = [...samples.keys()].sort((a, b) => (samples.get(b) ?? 0) - (samples.get(a) ?? 0) || a - b)
  const files = numbers.filter((number) => isFile(profile.dictionary.mapping(number)))
  return files.find((number) => !SHARED_OBJECT.test(profile.dictionary.mapping(number).path)) ?? files[0]
}

const isFile = ({ kind, imageKind }: MappingEntry): boolean => kind === 'native' && imageKind === 'file'

function samplesByMapping({ rows, dictionary }: SessionProfile): Map<number, number> {
  const samplesOfStack = new Float64Array(dictionary.stacks.length)
  for (let row = 0; row < rows.length; row++) {
    const stack = rows.stackOf(row)
    samplesOfStack[stack] = (samplesOfStack[stack] as number) + rows.count(row)
  }
  const mappingOfFrame = Uint32Array.from(
    { length: dictionary.frameCount },
    (_, frame) => dictionary.frame(frame).mapping,
  )
  const samples = new Map<number, number>()
  samplesOfStack.forEach((count, stack) => {
    if (count === 0) return
    const frames = dictionary.stacks.words.subarray(
      dictionary.stacks.start(stack),
      dictionary.stacks.end(stack),
    )
    for (const mapping of new Set(Array.from(frames, (frame) => mappingOfFrame[frame] as number))) {
      samples.set(mapping, (samples.get(mapping) ?? 0) + count)
    }
  })
  return samples
}
