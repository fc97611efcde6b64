import type { ProfileBatch } from './profile.ts'

/** One function that a frame stands for. */
export interface FrameName {
  /** Demangled, as a person reads it. */
  readonly function: string
  /** As the symbol table has it; equal to `function` where nothing was demangled. */
  readonly systemName: string
  /** Source file and line, '' and 0 where unknown. */
  readonly file: string
  readonly line: number
  /** Bytes from the symbol's start to the address looked up. */
  readonly offset: number
}

/** The names of a window's frames. Plain data: it is sent to a worker as it is. */
export interface FrameNames {
  /** Distinct names. */
  readonly table: readonly FrameName[]
  /**
   * Names of frame f: table[indices[offsets[f] … offsets[f + 1])], innermost inlined function first; no entry where
   * no name is known. Either has frames.length + 1 elements, or is empty: nothing was named.
   */
  readonly offsets: Uint32Array
  readonly indices: Uint32Array
}

export const NO_NAMES: FrameNames = { table: [], offsets: new Uint32Array(0), indices: new Uint32Array(0) }

/** The innermost name of a frame. */
export function nameOf(names: FrameNames, frame: number): FrameName | undefined {
  const from = names.offsets[frame]
  const to = names.offsets[frame + 1]
  if (from === undefined || to === undefined || from === to) return undefined
  return names.table[names.indices[from] ?? -1]
}

/** All names of a frame, innermost first. */
export function namesOf({ table, offsets, indices }: FrameNames, frame: number): readonly FrameName[] {
  const names: FrameName[] = []
  for (let at = offsets[frame] ?? 0; at < (offsets[frame + 1] ?? 0); at++) {
    const name = table[indices[at] ?? -1]
    if (name !== undefined) names.push(name)
  }
  return names
}

/**
 * Names the distinct frames of a batch. Called once per batch when its window closes; batches of one window share
 * their stack table, and so get the same result. Never rejects for a target's sake: what cannot be named stays without
 * a name. Rejects only when `signal` aborts.
 */
export interface Symbolizer {
  name(batch: ProfileBatch, signal: AbortSignal): Promise<FrameNames>
}
