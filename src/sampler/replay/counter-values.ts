// Samples that tell what counters stand at (PERF_SAMPLE_READ), as perf counts them: one sample for each counter of the
// group, which weighs what its counter has gone on by.

import type { SampleRecord } from '../../formats/perf-data/file-records.ts'
import type { FileEvent } from '../../formats/perf-data/header.ts'
import { ATTR_FLAG, SAMPLE_TYPE } from '../../formats/perf-data/layout.ts'
import { eventOfId } from '../../formats/perf-data/record-reader.ts'

/** Counters of threads: a number that is not reached by anything that lives. */
const MAX_COUNTERS = 1_000_000

export class CounterValues {
  /** Values of counters that the file does not describe. */
  strangers = 0
  readonly #events: readonly FileEvent[]
  readonly #eventOfId: ReadonlyMap<bigint, number>
  /** What each counter stood at, by its id, and by its thread where each has its own. */
  readonly #last = new Map<string, bigint>()

  constructor(events: readonly FileEvent[]) {
    this.#events = events
    this.#eventOfId = eventOfId(events)
  }

  /** To be asked in order of time. */
  *samplesOf(record: SampleRecord): Generator<SampleRecord> {
    const { readValues } = record.fields
    if (readValues === undefined) {
      yield record
      return
    }
    for (const { id, value } of readValues) {
      const event = this.#eventOfId.get(id)
      if (event === undefined) {
        this.strangers++
        continue
      }
      const period = this.#progress(record, id, value)
      if (period > 0n) yield { ...record, id, event, fields: { ...record.fields, id, period } }
    }
  }

  #progress({ event, fields }: SampleRecord, id: bigint, value: bigint): bigint {
    const key = this.#isPerThread(event) ? `${id}/${fields.tid}` : `${id}`
    const period = BigInt.asUintN(64, value - (this.#last.get(key) ?? 0n))
    if (this.#last.size >= MAX_COUNTERS) this.#last.clear()
    this.#last.set(key, value)
    return period
  }

  #isPerThread(event: number): boolean {
    const attr = this.#events[event]?.attr
    if (attr === undefined) return false
    return (attr.flags & ATTR_FLAG.inherit) !== 0n && (attr.sampleType & SAMPLE_TYPE.TID) !== 0n
  }
}
