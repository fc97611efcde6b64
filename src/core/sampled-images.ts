import type { Image } from './process.ts'
import { FRAME_KINDS, type ProfileBatch } from './profile.ts'

const NATIVE = FRAME_KINDS.indexOf('native')

/** The mappings that frames of the batch's window lie in: few of a machine's. */
export function sampledMappings({
  stacks: { frames },
  processes: { mappings },
}: Pick<ProfileBatch, 'stacks' | 'processes'>): Set<number> {
  const seen = new Uint8Array(mappings.length)
  const sampled = new Set<number>()
  for (let frame = 0; frame < frames.length; frame++) {
    const mapping = frames.mapping[frame]!
    if (frames.kind[frame] !== NATIVE || seen[mapping] === 1) continue
    seen[mapping] = 1
    sampled.add(mapping)
  }
  return sampled
}

/** The images that frames of the batch's window lie in. */
export function sampledImages(batch: Pick<ProfileBatch, 'stacks' | 'processes'>): Image[] {
  const { images, mappings } = batch.processes
  const sampled = new Set(Array.from(sampledMappings(batch), (mapping) => mappings.at(mapping).image))
  return Array.from(sampled, (image) => images.at(image))
}
