// Counts samples by how far their stack can be trusted: all together, per language, and per process.

import { type Language, ProcessLanguages } from '../core/language.ts'
import { type ProfileBatch, STACK_STATES, type StackState, type StackTable } from '../core/profile.ts'
import type { Counts, ProcessStacks, StackCounts, Summary } from '../core/summary.ts'
import { ProcessNames } from '../formats/profile/process-names.ts'

/** Samples with a user part. */
class StackCounter {
  complete = 0
  unverified = 0
  readonly #broken = new Map<string, number>()

  get samples(): number {
    return this.complete + this.unverified + this.brokenTotal
  }

  get brokenTotal(): number {
    return [...this.#broken.values()].reduce((sum, count) => sum + count, 0)
  }

  add(state: Exclude<StackState, 'kernel'>, reason: string): void {
    switch (state) {
      case 'complete':
        this.complete++
        break
      case 'unverified':
        this.unverified++
        break
      case 'broken':
        this.#broken.set(reason, (this.#broken.get(reason) ?? 0) + 1)
        break
    }
  }

  /** Most frequent reasons first. */
  counts(): StackCounts {
    const broken: Counts = Object.fromEntries([...this.#broken].sort(([, a], [, b]) => b - a))
    return { complete: this.complete, unverified: this.unverified, broken }
  }
}

interface ProcessCounter {
  readonly pid: number
  /** What it was called, and was, when it was last sampled. */
  comm: string
  language: Language
  readonly stacks: StackCounter
  samples: number
}

/** An agent sees many processes; when there are more than this, those with the fewest samples are forgotten. */
const MAX_PROCESSES = 8192
/** Processes in the summary. */
const SHOWN_PROCESSES = 50

export class StackTally {
  readonly #all = new StackCounter()
  readonly #languages = new Map<Language, StackCounter>()
  readonly #processes = new Map<number, ProcessCounter>()
  #kernel = 0

  add(batch: ProfileBatch): void {
    const { samples, stacks, strings } = batch
    const verdicts = new Verdicts(stacks)
    const names = new ProcessNames(batch.processes)
    const languages = new ProcessLanguages(batch.processes)
    for (let row = 0; row < samples.length; row++) {
      const { state, reason } = verdicts.of(samples.stack[row] ?? 0)
      if (state === 'kernel') {
        this.#kernel++
        continue
      }
      const pid = samples.pid[row] ?? 0
      const time = samples.time[row] ?? 0n
      const process = this.#process(pid)
      process.language = languages.at(pid, time)
      const comm = samples.tid[row] === pid ? strings.at(samples.comm[row] ?? 0) : process.comm
      process.comm = names.at(pid, time) || comm
      process.samples++
      process.stacks.add(state, reason)
      this.#language(process.language).add(state, reason)
      this.#all.add(state, reason)
    }
    this.#forgetSmallest()
  }

  /** `processes`: how many of them it names. */
  summary(processes: number = SHOWN_PROCESSES): Summary['stacks'] {
    return {
      ...this.#all.counts(),
      kernel: this.#kernel,
      languages: Object.fromEntries(
        [...this.#languages]
          .sort(([, a], [, b]) => b.samples - a.samples)
          .map(([language, stacks]) => [language, stacks.counts()]),
      ),
      processes: this.#largest(processes).map(
        ({ pid, comm, language, stacks }): ProcessStacks => ({ pid, comm, language, ...stacks.counts() }),
      ),
    }
  }

  #process(pid: number): ProcessCounter {
    const known = this.#processes.get(pid)
    if (known !== undefined) return known
    const process = { pid, comm: '', language: 'native', stacks: new StackCounter(), samples: 0 }
    this.#processes.set(pid, process)
    return process
  }

  #language(language: Language): StackCounter {
    const known = this.#languages.get(language)
    if (known !== undefined) return known
    const stacks = new StackCounter()
    this.#languages.set(language, stacks)
    return stacks
  }

  #largest(count: number): readonly ProcessCounter[] {
    return [...this.#processes.values()]
      .sort((a, b) => b.samples - a.samples || a.pid - b.pid)
      .slice(0, count)
  }

  #forgetSmallest(): void {
    if (this.#processes.size <= MAX_PROCESSES) return
    const kept = this.#largest(MAX_PROCESSES / 2)
    this.#processes.clear()
    for (const process of kept) this.#processes.set(process.pid, process)
  }
}

interface Verdict {
  readonly state: StackState
  /** Why it is broken, '' where it is not. */
  readonly reason: string
}

/** What is to be said of each stack of a window, found once. */
class Verdicts {
  readonly #stacks: StackTable
  readonly #known: Verdict[] = []

  constructor(stacks: StackTable) {
    this.#stacks = stacks
  }

  of(stack: number): Verdict {
    this.#known[stack] ??= this.#judge(stack)
    return this.#known[stack]
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
