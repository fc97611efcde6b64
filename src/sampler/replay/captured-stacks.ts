// Samples that bring registers and bytes of their stack (PERF_SAMPLE_REGS_USER, PERF_SAMPLE_STACK_USER): what they wait for.

import { STACK_STATES, type StackState } from '../../core/profile.ts'
import type { SampleRecord } from '../../formats/perf-data/file-records.ts'
import type { NativeCapturedSample, NativeRecordedUnwinder } from '../../native/binding.ts'
import { chainOf } from './chain.ts'

export type RecordedUnwinder = Pick<NativeRecordedUnwinder, 'unwind'>

/** A sample, and the name of its thread then. */
export interface CapturedSample {
  readonly record: SampleRecord
  readonly comm: string
}

/** The user's part of a stack. */
export interface UnwoundStack {
  /** Innermost first, marked as NativeUnwoundStacks has them; none where nothing can be done with the sample. */
  readonly frames: BigUint64Array
  readonly state: StackState
  /** What the stack ends with; '' where it lacks no frame. */
  readonly reason: string
}

/** A call costs a microsecond or two. */
const MAX_SAMPLES = 1024
const MAX_BYTES = 8 * 2 ** 20
const NO_BYTES = new Uint8Array(0)

/** Samples in order of time, to be unwound together: as many as were taken while nothing that they need has changed. */
export class CapturedStacks {
  readonly #unwinder: RecordedUnwinder
  readonly #maxStacks: readonly number[]
  #waiting: CapturedSample[] = []
  readonly #pids = new Set<number>()
  #bytes = 0

  /** `maxStacks`: per session, of the kernel's own walk. */
  constructor(unwinder: RecordedUnwinder, maxStacks: readonly number[]) {
    this.#unwinder = unwinder
    this.#maxStacks = maxStacks
  }

  add(sample: CapturedSample): void {
    const { pid, userStack } = sample.record.fields
    this.#waiting.push(sample)
    this.#pids.add(pid)
    this.#bytes += userStack?.length ?? 0
  }

  get full(): boolean {
    return this.#waiting.length >= MAX_SAMPLES || this.#bytes >= MAX_BYTES
  }

  /** Whether a sample of the process waits. */
  concerns(pid: number): boolean {
    return this.#pids.has(pid)
  }

  /** All that wait, as they came; those without registers as they are. */
  *take(): Generator<{ readonly sample: CapturedSample; readonly unwound?: UnwoundStack }> {
    const waiting = this.#waiting
    this.#waiting = []
    this.#pids.clear()
    this.#bytes = 0
    const captured = waiting.map(({ record }) => this.#captured(record))
    const { frames, offsets, states, reasons, texts } = this.#unwinder.unwind(
      captured.filter((each) => each !== undefined),
    )
    let next = 0
    for (const [index, sample] of waiting.entries()) {
      if (captured[index] === undefined) {
        yield { sample }
        continue
      }
      const unwound = {
        frames: frames.subarray(offsets[next], offsets[next + 1]),
        state: STACK_STATES[states[next] ?? 0] ?? 'broken',
        reason: texts[reasons[next] ?? 0] ?? '',
      }
      next++
      yield { sample, unwound }
    }
  }

  /** Undefined where the sample has no registers: it was taken in a thread of the kernel. */
  #captured(record: SampleRecord): NativeCapturedSample | undefined {
    const { pid, userRegisters, userStack = NO_BYTES, userStackCut = false } = record.fields
    if (userRegisters === undefined) return undefined
    const { user, length } = chainOf(record)
    const maxStack = this.#maxStacks[record.event] ?? 0
    return {
      pid,
      is32Bit: userRegisters.is32Bit,
      registerMask: userRegisters.mask,
      registers: userRegisters.values,
      stack: userStack,
      cut: userStackCut,
      chain: user,
      chainCut: maxStack > 0 && length >= maxStack,
    }
  }
}
