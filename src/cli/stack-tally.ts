// Counts samples by how far their stack can be trusted: all together, per language, and per process.

import { inTurns } from '../base/turns.ts'
import { type Language, ProcessLanguages } from '../core/language.ts'
import type { ProfileBatch } from '../core/profile.ts'
import type { Counts, ProcessStacks, StackCounts, Summary } from '../core/summary.ts'
import { ProcessNames } from '../formats/profile/process-names.ts'
import { KERNEL, type Verdict, Verdicts } from './stack-verdicts.ts'

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

  add({ state, reason }: Verdict, count: number): void {
    switch (state) {
      case 'complete':
        this.complete += count
        break
      case 'unverified':
        this.unverified += count
        break
      case 'broken':
        this.#broken.set(reason, (this.#broken.get(reason) ?? 0) + count)
        break
      case 'kernel':
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
const ROWS_AT_ONCE = 512
/** Processes in the summary. */
const SHOWN_PROCESSES = 50

export class StackTally {
  readonly #all = new StackCounter()
  readonly #languages = new Map<Language, StackCounter>()
  readonly #processes = new Map<number, ProcessCounter>()
  #kernel = 0

  async add(batch: ProfileBatch): Promise<void> {
    const { samples, stacks } = batch
    const { length } = samples // a getter would be asked for every sample
    const { stack, pid, tid } = samples
    const verdicts = new Verdicts(stacks)
    const spans = new Spans(batch)
    for await (const [from, to] of inTurns(length, ROWS_AT_ONCE)) {
      for (let row = from; row < to; row++) {
        const verdict = verdicts.of(stack[row]!)
        if (verdict === KERNEL) {
          this.#kernel++
          continue
        }
        const span = spans.at(pid[row]!, row)
        span.counts[verdict] = (span.counts[verdict] ?? 0) + 1
        if (tid[row] === pid[row]) span.lastOfMain = row
      }
    }
    for (const span of spans.all()) this.#addSpan(span, verdicts, batch)
    this.#forgetSmallest()
  }

  #addSpan({ pid, name, language, counts, lastOfMain }: Span, verdicts: Verdicts, batch: ProfileBatch): void {
    const process = this.#process(pid)
    process.language = language
    const { comm } = batch.samples
    if (name !== '') process.comm = name
    else if (lastOfMain !== NO_ROW) process.comm = batch.strings.at(comm[lastOfMain]!)
    counts.forEach((count, index) => {
      const verdict = verdicts.at(index)
      process.samples += count
      process.stacks.add(verdict, count)
      this.#language(language).add(verdict, count)
      this.#all.add(verdict, count)
    })
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

const NO_ROW = -1

/** Samples of a process between two changes of what it is: one name, one language. */
interface Span {
  readonly pid: number
  readonly name: string
  readonly language: Language
  /** Samples by the index of their verdict; sparse. */
  readonly counts: number[]
  /** The last sample of the main thread, which bears the process's name. */
  lastOfMain: number
}

/** Finds the span of each sample; rows asked for must not decrease. Processes seldom change: few spans are made. */
class Spans {
  readonly #batch: ProfileBatch
  readonly #names: ProcessNames
  readonly #languages: ProcessLanguages
  readonly #open = new Map<number, Span>()
  readonly #all: Span[] = []
  /** The event that changes something next, and the first row that it is true of. */
  #next: number
  #nextRow: number

  constructor(batch: ProfileBatch) {
    this.#batch = batch
    this.#names = new ProcessNames(batch.processes)
    this.#languages = new ProcessLanguages(batch.processes)
    this.#next = batch.processes.snapshotLength
    this.#nextRow = this.#rowOfNext(0)
  }

  at(pid: number, row: number): Span {
    while (row >= this.#nextRow) {
      this.#open.delete(this.#batch.processes.events.pid[this.#next]!)
      this.#next++
      this.#nextRow = this.#rowOfNext(row)
    }
    return this.#open.get(pid) ?? this.#begin(pid, row)
  }

  /** In order of their beginnings. */
  all(): readonly Span[] {
    return this.#all
  }

  #begin(pid: number, row: number): Span {
    const time = this.#batch.samples.time[row]!
    const name = this.#names.at(pid, time)
    const language = this.#languages.at(pid, time)
    const span = { pid, name, language, counts: [], lastOfMain: NO_ROW }
    this.#open.set(pid, span)
    this.#all.push(span)
    return span
  }

  /** The first row from `from` on that is not older than the next event. */
  #rowOfNext(from: number): number {
    const { events } = this.#batch.processes
    const { time, length } = this.#batch.samples
    if (this.#next >= events.length) return length
    const since = events.time[this.#next]!
    let [low, high] = [from, length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (time[middle]! < since) low = middle + 1
      else high = middle
    }
    return low
  }
}
