// Sample messages: each row's stack, values and labels.

import type { StringTable } from 'pprof-format'
import { samplesStoodFor } from '../profile/stood-for.ts'
import { LabelWriter } from './labels.ts'
import type { LocationTables, PprofContent } from './location-tables.ts'
import { ProtoWriter } from './proto-writer.ts'
import { Roots } from './roots.ts'

const PROFILE = { sample: 2 } as const
const SAMPLE = { locationId: 1, value: 2 } as const

/** Of a sample, its locations and labels. */
const TYPICAL_BYTES = 128

/** The samples of `rows`, as field 2 of Profile, in order of their stacks: neighbours look alike, and gzip finds them. */
export function writeSamples(
  content: PprofContent,
  tables: LocationTables,
  strings: StringTable,
): Uint8Array {
  const { rows } = content.profile
  const out = new ProtoWriter(content.rows.length * TYPICAL_BYTES)
  const sample = new ProtoWriter()
  const values = new ProtoWriter()
  const stacks = new StackWriter(tables)
  const labels = new LabelWriter(content, strings)
  const roots = new Roots(content, tables)
  const samplesOf = samplesStoodFor(content.profile)
  for (const number of content.rows) {
    const row = rows.at(number)
    if (stacks.isNew(row.stack)) labels.setReason(tables.reasonOf(row.stack))
    values.clear()
    values.varint(samplesOf(number))
    values.varint(rows.value(number))
    sample.clear()
    const locations = stacks.locations(row.stack, roots.of(row))
    if (locations.length > 0) sample.bytesField(SAMPLE.locationId, locations)
    sample.bytesField(SAMPLE.value, values)
    labels.write(sample, row)
    out.bytesField(PROFILE.sample, sample)
  }
  return out.view()
}

/** The location ids of the stack that was written last: rows of one stack come one after another. */
class StackWriter {
  readonly #tables: LocationTables
  readonly #frames = new ProtoWriter()
  readonly #whole = new ProtoWriter()
  #stack = -1
  #root = 0

  constructor(tables: LocationTables) {
    this.#tables = tables
  }

  isNew(stack: number): boolean {
    return stack !== this.#stack
  }

  /** @param root the location below it; 0: none */
  locations(stack: number, root: number): ProtoWriter {
    if (!this.isNew(stack) && root === this.#root) return this.#whole
    if (this.isNew(stack)) {
      this.#frames.clear()
      this.#tables.eachLocation(stack, (id) => this.#frames.varint(id))
    }
    this.#stack = stack
    this.#root = root
    this.#whole.clear()
    this.#whole.append(this.#frames)
    if (root !== 0) this.#whole.varint(root)
    return this.#whole
  }
}
