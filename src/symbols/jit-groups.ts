// Which frames lie in code that a process made while it ran, and what a window says of that process.

import { inTurns } from '../base/turns.ts'
import { isReason } from '../core/javascript-reasons.ts'
import type { Image, ProcessEvent } from '../core/process.ts'
import { FRAME_KINDS, type Frame, type ProfileBatch } from '../core/profile.ts'
import { lookedUp } from './naming.ts'

const NATIVE = FRAME_KINDS.indexOf('native')
/** As V8, CPython, LLVM and the JVM's agent call what they map to say where their jitdump is. */
const MARKER = /\/jit-\d+\.dump(?: \(deleted\))?$/

/** A frame in memory without a file. */
export interface JitFrame {
  readonly frame: number
  readonly address: bigint
  /** Its runtime's own word was read from the stack that it was sampled with. */
  readonly saidByStack: boolean
}

/** Those frames of one process. */
export interface JitGroup {
  readonly pid: number
  readonly frames: readonly JitFrame[]
  /** The jitdump that it has mapped. */
  marker: Image | undefined
  /** When it began, in the window; 0n before it. CLOCK_MONOTONIC, ns. */
  began: bigint
  /** It ended in the window. */
  ended: boolean
}

/** Without those of what a process was before it ran another program: nothing is left of that to be asked. */
export async function groupJitFrames(batch: ProfileBatch): Promise<readonly JitGroup[]> {
  const byPid = new Map<number, Candidate[]>()
  const { frames } = batch.stacks
  for await (const [from, to] of inTurns(frames.length)) {
    for (let frame = from; frame < to; frame++) {
      if (frames.kind[frame] === NATIVE) addCandidate(batch, frame, byPid)
    }
  }
  return byPid.size === 0 ? [] : withHistory(batch, byPid)
}

function addCandidate(batch: ProfileBatch, frame: number, byPid: Map<number, Candidate[]>): void {
  const { frames } = batch.stacks
  const mapping = frames.mapping[frame] ?? -1
  const { pid, image } = batch.processes.mappings.at(mapping)
  if (batch.processes.images.at(image).kind !== 'anonymous') return
  const candidates = byPid.get(pid) ?? []
  byPid.set(pid, candidates)
  candidates.push({
    frame,
    mapping,
    address: lookedUp(frames.address[frame] ?? 0n, frames.flags[frame] ?? 0),
    // A window in which no frame says its function has no such column.
    saidByStack: Boolean(frames.function[frame]) && saysItsFunction(frames.at(frame)),
  })
}

const saysItsFunction = (frame: Frame): boolean =>
  frame.kind === 'native' && !(frame.functions ?? []).some(isReason)

interface Candidate extends JitFrame {
  readonly mapping: number
}

function withHistory(
  { processes }: ProfileBatch,
  byPid: ReadonlyMap<number, readonly Candidate[]>,
): readonly JitGroup[] {
  const histories = new Map([...byPid.keys()].map((pid) => [pid, new History()]))
  const { events } = processes
  for (let index = 0; index < events.length; index++) {
    const history = histories.get(events.pid[index] ?? 0)
    if (history === undefined) continue
    const event = events.at(index)
    history.take(event)
    if (event.kind !== 'mmap') continue
    const image = processes.images.at(processes.mappings.at(event.mapping).image)
    if (image.kind === 'file' && MARKER.test(image.path)) history.marker = image
  }
  return [...byPid].map(([pid, candidates]) => {
    const history = histories.get(pid) ?? new History()
    return {
      pid,
      frames: candidates.filter(({ mapping }) => history.has(mapping)),
      marker: history.marker,
      began: history.began,
      ended: history.ended,
    }
  })
}

/** What became of one process number in the window. */
class History {
  marker: Image | undefined
  began = 0n
  ended = false
  /** It was another program, or another process, earlier in the window. */
  #changed = false
  /** Since then. */
  readonly #mapped = new Set<number>()

  /** Whether a mapping is of what it was at the window's end. Those of a forked process's parent have no event. */
  has(mapping: number): boolean {
    return !this.#changed || this.#mapped.has(mapping)
  }

  take(event: ProcessEvent): void {
    switch (event.kind) {
      case 'mmap':
        this.#mapped.add(event.mapping)
        return
      case 'comm':
        if (event.exec && !event.synthesised) this.#change()
        return
      case 'fork':
        if (event.tid !== event.pid || event.synthesised) return
        if (this.ended || this.#mapped.size > 0) this.#change()
        this.began = event.time
        this.ended = false
        return
      case 'exit':
        if (event.tid === event.pid) this.ended = true
    }
  }

  #change(): void {
    this.#changed = true
    this.#mapped.clear()
    this.marker = undefined
  }
}
