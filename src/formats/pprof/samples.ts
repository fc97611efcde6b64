// Sample messages: each row's stack, values and labels.

import type { StringTable } from 'pprof-format'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import type { Row } from '../profile/row-table.ts'
import type { LocationTables } from './location-tables.ts'
import { ProtoWriter } from './proto-writer.ts'

const PROFILE = { sample: 2 } as const
const SAMPLE = { locationId: 1, value: 2, label: 3 } as const
const LABEL = { key: 1, str: 2, num: 3 } as const

/** Of a sample, its locations and labels. */
const TYPICAL_BYTES = 128

/** The samples of `rows`, as field 2 of Profile, in order of their stacks: neighbours look alike, and gzip finds them. */
export function writeSamples(
  { profile, rows: numbers }: { readonly profile: SessionProfile; readonly rows: Uint32Array },
  tables: LocationTables,
  strings: StringTable,
): Uint8Array {
  const { rows } = profile
  const out = new ProtoWriter(numbers.length * TYPICAL_BYTES)
  const sample = new ProtoWriter()
  const values = new ProtoWriter()
  const locations = new ProtoWriter()
  const labels = new LabelWriter(profile, strings)
  let stack = -1
  for (const number of numbers) {
    const row = rows.at(number)
    if (row.stack !== stack) {
      stack = row.stack
      locations.clear()
      tables.eachLocation(stack, (id) => locations.varint(id))
      labels.setReason(tables.reasonOf(stack))
    }
    values.clear()
    values.varint(rows.count(number))
    values.varint(rows.value(number))
    sample.clear()
    if (locations.length > 0) sample.bytesField(SAMPLE.locationId, locations)
    sample.bytesField(SAMPLE.value, values)
    labels.write(sample, row)
    out.bytesField(PROFILE.sample, sample)
  }
  return out.view()
}

/** The labels of samples. `pid` and `tid` are numbers; names are the ones that the kernel knew at the time. */
class LabelWriter {
  readonly #strings: StringTable
  readonly #profile: SessionProfile
  readonly #label = new ProtoWriter()
  readonly #texts = new Map<number, number>()
  /** A thread's labels hardly ever change. */
  readonly #ofThread = new Map<number, { readonly row: Row; readonly labels: ProtoWriter }>()
  #reason = 0

  constructor(profile: SessionProfile, strings: StringTable) {
    this.#profile = profile
    this.#strings = strings
  }

  /** Why the samples to come are incomplete; '' where they are not. */
  setReason(reason: string): void {
    this.#reason = this.#strings.dedup(reason)
  }

  write(sample: ProtoWriter, row: Row): void {
    sample.append(this.#threadLabels(row))
    this.#text(sample, 'incomplete', this.#reason)
  }

  #threadLabels(row: Row): ProtoWriter {
    const known = this.#ofThread.get(row.tid)
    if (known !== undefined && isSameThread(known.row, row)) return known.labels
    const labels = new ProtoWriter()
    this.#number(labels, 'pid', row.pid)
    this.#number(labels, 'tid', row.tid)
    this.#text(labels, 'thread name', this.#known(row.comm))
    this.#text(labels, 'process name', this.#known(row.processName))
    if (row.cpu > 0) this.#number(labels, 'cpu', row.cpu - 1)
    this.#ofThread.set(row.tid, { row, labels })
    return labels
  }

  /** From the dictionary's number of a string to the string table's. */
  #known(text: number): number {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    const index = this.#strings.dedup(this.#profile.dictionary.string(text))
    this.#texts.set(text, index)
    return index
  }

  #number(sample: ProtoWriter, key: string, value: number): void {
    this.#label.clear()
    this.#label.varintField(LABEL.key, this.#strings.dedup(key))
    this.#label.varintField(LABEL.num, value)
    sample.bytesField(SAMPLE.label, this.#label)
  }

  #text(sample: ProtoWriter, key: string, index: number): void {
    if (index === 0) return
    this.#label.clear()
    this.#label.varintField(LABEL.key, this.#strings.dedup(key))
    this.#label.varintField(LABEL.str, index)
    sample.bytesField(SAMPLE.label, this.#label)
  }
}

const isSameThread = (a: Row, b: Row): boolean =>
  a.pid === b.pid && a.comm === b.comm && a.processName === b.processName && a.cpu === b.cpu
