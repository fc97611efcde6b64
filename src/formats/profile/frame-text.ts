// How the frames of a profile read: the same words in folded stacks, speedscope, pprof and the flame graph.

import { addressLabel, kernelLabel, moduleOf } from '../../core/frame-label.ts'
import type { Dictionary, FrameEntry, MappingEntry } from './dictionary.ts'

/** What sort of thing a line of a flame graph is. */
export const LABEL_KINDS = [
  'thread',
  'user',
  'inlined',
  'jit',
  'interpreted',
  'kernel',
  'unnamed',
  'reason',
] as const
export type LabelKind = (typeof LABEL_KINDS)[number]

export interface FrameLabel {
  readonly text: string
  /** `libc.so.6`, `[kernel.kallsyms]`; '' for threads and reasons. */
  readonly module: string
  readonly kind: LabelKind
}

/** The lines that a frame stands for, outermost function first, then what is inlined in it. Never empty. */
export function labelsOf(dictionary: Dictionary, frameNumber: number): FrameLabel[] {
  const frame = dictionary.frame(frameNumber)
  const mapping = dictionary.mapping(frame.mapping)
  const names = dictionary.namesOf(frame.nameList)
  const place = { kind: frame.kind, imageKind: mapping.imageKind, path: mapping.path }
  if (names.length === 0) {
    const module = moduleOf({ ...place, file: '', ofRuntime: false })
    return [{ text: unnamed(frame, mapping), module, kind: unnamedKind(frame) }]
  }
  return names.reverse().map(({ function: text, file }, depth) => ({
    text,
    module: moduleOf({ ...place, file, ofRuntime: depth < frame.ownNames }),
    kind: namedKind(frame, mapping, depth),
  }))
}

/** The thread's name as the first line of its stacks. */
export const threadLabel = (comm: string): FrameLabel => ({
  text: comm || '[unknown]',
  module: '',
  kind: 'thread',
})

function unnamed(frame: FrameEntry, mapping: MappingEntry): string {
  if (frame.kind === 'kernel') return kernelLabel(frame.address)
  return addressLabel({ kind: mapping.imageKind, path: mapping.path }, frame.address)
}

const unnamedKind = (frame: FrameEntry): LabelKind => (frame.kind === 'kernel' ? 'kernel' : 'unnamed')

function namedKind(frame: FrameEntry, mapping: MappingEntry, depth: number): LabelKind {
  switch (frame.kind) {
    case 'kernel':
    case 'interpreted':
    case 'reason':
      return frame.kind
    case 'native':
      if (depth > 0) return 'inlined'
      return mapping.imageKind === 'anonymous' ? 'jit' : 'user'
  }
}
