// The call chains of a window: each distinct stack once, as the words that stand in every sample that has it.

import { FRAME_KINDS, type ProfileBatch } from '../../core/profile.ts'
import { CONTEXT, MAX_RECORD_BYTES, MISC, SAMPLE_FIXED_BYTES } from './layout.ts'

const NATIVE = FRAME_KINDS.indexOf('native')
const KERNEL = FRAME_KINDS.indexOf('kernel')

/** Addresses and markers of a chain that fit into one record; the outermost frames of a deeper stack are left out. */
const MAX_CHAIN = Math.floor((MAX_RECORD_BYTES - SAMPLE_FIXED_BYTES) / 8)

/** Chain s is words[2 * offsets[s] … 2 * offsets[s + 1]): addresses and markers, low word first. */
export interface Callchains {
  readonly offsets: Uint32Array
  readonly words: Uint32Array
  /** The cpumode of a sample with that stack: whose code the leaf is. */
  readonly cpumode: Uint8Array
}

/**
 * Packs the stacks of a window. Native frames become addresses in their process again (stated address + bias). Reason
 * frames are no addresses and interpreted frames have none: a perf.data call chain has no place for either.
 */
export function packCallchains(batch: Pick<ProfileBatch, 'stacks' | 'processes'>): Callchains {
  const { stacks } = batch
  const avmas = frameAddresses(batch)
  const kinds = stacks.frames.kind
  // A marker stands at most before each frame.
  const words = new Uint32Array(stacks.frameIndices.length * 4)
  const offsets = new Uint32Array(stacks.length + 1)
  const cpumode = new Uint8Array(stacks.length).fill(MISC.USER)
  let entries = 0
  for (let stack = 0; stack < stacks.length; stack++) {
    const first = entries
    let context = -1
    const end = stacks.offsets[stack + 1]!
    for (let at = stacks.offsets[stack]!; at < end; at++) {
      const frame = stacks.frameIndices[at]!
      const kind = kinds[frame]!
      if (kind !== NATIVE && kind !== KERNEL) continue
      if (entries - first + 2 > MAX_CHAIN) break
      if (kind !== context) {
        if (context === -1 && kind === KERNEL) cpumode[stack] = MISC.KERNEL
        context = kind
        words[entries * 2] = Number(
          kind === KERNEL ? CONTEXT.KERNEL & 0xffff_ffffn : CONTEXT.USER & 0xffff_ffffn,
        )
        words[entries * 2 + 1] = 0xffff_ffff
        entries++
      }
      words[entries * 2] = avmas[frame * 2]!
      words[entries * 2 + 1] = avmas[frame * 2 + 1]!
      entries++
    }
    offsets[stack + 1] = entries
  }
  return { offsets, words, cpumode }
}

/** Two words per frame: its address in the process or kernel, 0 where it has none. */
function frameAddresses({ stacks, processes }: Pick<ProfileBatch, 'stacks' | 'processes'>): Uint32Array {
  const { frames } = stacks
  const biases = BigUint64Array.from(processes.mappings, (mapping) => mapping.bias)
  const avmas = new BigUint64Array(frames.length)
  for (let frame = 0; frame < frames.length; frame++) {
    const kind = frames.kind[frame]
    if (kind === KERNEL) avmas[frame] = frames.address[frame]!
    else if (kind === NATIVE) avmas[frame] = frames.address[frame]! + (biases[frames.mapping[frame]!] ?? 0n)
  }
  return new Uint32Array(avmas.buffer)
}
