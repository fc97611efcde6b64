import { STACK_STATES, type StackState, type StackTable } from '../core/profile.ts'

export interface Verdict {
  readonly state: StackState
  /** Why it is broken, '' where it is not. */
  readonly reason: string
}

/** The index of the verdict on a stack without a user part. */
export const KERNEL = 0
const NOT_YET = -1

/** What is to be said of each stack of a window, found once: the index of one of a few verdicts. */
export class Verdicts {
  readonly #stacks: StackTable
  readonly #indices: Int32Array
  readonly #distinct: Verdict[] = [{ state: 'kernel', reason: '' }]
  readonly #known = new Map<string, number>()

  constructor(stacks: StackTable) {
    this.#stacks = stacks
    this.#indices = new Int32Array(stacks.length).fill(NOT_YET)
  }

  of(stack: number): number {
    const known = this.#indices[stack]
    if (known === undefined) throw new RangeError(`stack ${stack} of ${this.#indices.length}`)
    if (known !== NOT_YET) return known
    const index = this.#indexOf(this.#judge(stack))
    this.#indices[stack] = index
    return index
  }

  at(index: number): Verdict {
    const verdict = this.#distinct[index]
    if (verdict === undefined) throw new RangeError(`verdict ${index} of ${this.#distinct.length}`)
    return verdict
  }

  #indexOf(verdict: Verdict): number {
    if (verdict.state === 'kernel') return KERNEL
    const key = `${verdict.state} ${verdict.reason}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const index = this.#distinct.push(verdict) - 1
    this.#known.set(key, index)
    return index
  }

  #judge(stack: number): Verdict {
    const state = STACK_STATES[this.#stacks.state[stack] ?? -1]
    if (state === undefined) throw new Error(`stack ${stack} has no state`)
    return { state, reason: state === 'broken' ? this.#reasonOf(stack) : '' }
  }

  /** A broken stack's outermost frame says why it ends. */
  #reasonOf(stack: number): string {
    const { offsets, frameIndices, frames } = this.#stacks
    const outermost = frameIndices[(offsets[stack + 1] ?? 0) - 1]
    const frame = outermost === undefined ? undefined : frames.at(outermost)
    return frame?.kind === 'reason' ? frame.text : 'unknown'
  }
}
