// Stack notes: what a call chain of perf.data has no place for. They stand in a feature section of Sonde's own, which
// perf skips; docs/perf-data-feature.md explains its layout.
//
//   8 bytes magic, u32 version, u32 number of parts
//   per part: u32 kind, u32 byte length, then as many bytes. A reader leaves out the kinds that it does not know.

import type { Frame, FrameFunction, StackState } from '../../core/profile.ts'

/**
 * perf handles the features it knows (0 to 31 in perf 6.1) and leaves out the others. Not bit 0, which perf leaves out,
 * too: readers that begin at bit 1 (Google's quipper) would take each section for another. Not 128 and up, which are
 * simpleperf's.
 */
export const STACK_NOTES_BIT = 108

/** "SONDESTK" */
export const STACK_NOTES_MAGIC = 0x4b54_5345_444e_4f53n
export const STACK_NOTES_VERSION = 1

/** Each part begins with the number of its elements, u32; numbers below are varints, unless they say otherwise. */
export const PART = {
  /** Per string: its bytes' number, the bytes (UTF-8). Strings are numbered from 0. */
  strings: 1,
  /** Per frame: u8 NOTE_FRAME, then language, function, file (strings) and line, or text (string). Numbered from 0. */
  frames: 2,
  /**
   * Per note: u8 place in STACK_STATES; number of inserted frames, each its place and its frame; number of unusual
   * frames, each its place. Places count the whole stack's frames from the leaf, and stand as the distance from the
   * previous one. Numbered from 1.
   */
  notes: 3,
  /** Per run, in the order of the file's samples: note (0: none), number of samples that have it. */
  runs: 4,
  /** Per image: path, build id (strings), u64 device, u64 inode, u8 place in IMAGE_RUNTIMES. */
  runtimes: 5,
  /**
   * Per mapping of a file whose program headers were read: path, build id (strings), u64 device, u64 inode, u64 file
   * offset and u64 svma of its first byte.
   */
  segments: 6,
  /** Per image: path, build id (strings), u64 device, u64 inode, Go's build id and content hash (strings, '' for none). */
  identities: 7,
  /**
   * Per note, in their order: number of functions that are known though no symbol says them, each the place of its frame
   * and the number of an interpreted frame. Of one place the innermost comes first. Absent where no note has one.
   */
  functions: 8,
  /** Per event, in the order of the file's attrs: u8 0, or u8 1, then name and version (strings) of its configuration. Absent where none has one. */
  configs: 9,
} as const
export type PartName = keyof typeof PART

/** The most frames that a note inserts or calls unusual: no call chain of perf.data is longer. */
export const MAX_NOTE_FRAMES = 8192
/** The most elements that a part has. */
export const MAX_NOTE_ELEMENTS = 2 ** 22

/** A note's own frames, by their kind. */
export const NOTE_FRAME = { interpreted: 1, reason: 2 } as const

/** A frame that is no address. */
export type NoteFrame = Extract<Frame, { kind: 'interpreted' | 'reason' }>

export interface StackNote {
  readonly state: StackState
  /** Ascending by place: the frame's index in the whole stack. */
  readonly inserted: readonly { readonly place: number; readonly frame: NoteFrame }[]
  /**
   * Places, ascending, of frames that are a return address where they usually are none, or the other way round. Usually
   * the first frame of the kernel's part and of the user's part is none, and all others are.
   */
  readonly unusual: readonly number[]
  /** Ascending by place: what the native frames there say of themselves, what is inlined before what it is inlined into. */
  readonly functions: readonly { readonly place: number; readonly function: FrameFunction }[]
}
