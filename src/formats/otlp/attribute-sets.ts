import type { OtlpSampleAttribute } from '../../core/otlp-encoding.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import { SequenceTable, unlimited } from '../profile/sequence-table.ts'
import type { AttributeTable } from './attribute-table.ts'

export interface SampleAttributes {
  readonly wanted: readonly OtlpSampleAttribute[]
  /** Whether samples say their process, because the resource does not. */
  readonly tellsPids: boolean
}

/** The attributes of samples. Threads are few and rows many: each set is put together once. */
export class AttributeSets {
  readonly #profile: SessionProfile
  readonly #table: AttributeTable
  readonly #attributes: SampleAttributes
  readonly #tells: Readonly<Record<'pid' | 'tid' | 'comm' | 'cpu', boolean>>
  /** What makes a difference of each row; what does not is 0. */
  readonly #keys = new SequenceTable(unlimited())
  readonly #sets: (readonly number[])[] = []
  readonly #key = new Uint32Array(4)

  constructor(profile: SessionProfile, table: AttributeTable, attributes: SampleAttributes) {
    this.#profile = profile
    this.#table = table
    this.#attributes = attributes
    const { wanted } = attributes
    this.#tells = {
      pid: attributes.tellsPids,
      tid: wanted.includes('thread.id'),
      comm: wanted.includes('thread.name'),
      cpu: wanted.includes('cpu.logical_number'),
    }
  }

  /** The number of the row's set. */
  ofRow(row: number): number {
    const { rows } = this.#profile
    const { pid, tid, comm, cpu } = this.#tells
    this.#key[0] = pid ? rows.pidOf(row) : 0
    this.#key[1] = tid ? rows.tidOf(row) : 0
    this.#key[2] = comm ? rows.commOf(row) : 0
    this.#key[3] = cpu ? rows.cpuOf(row) : 0
    const set = this.#keys.intern(this.#key, 4)
    if (set === this.#sets.length) this.#sets.push(this.#indices())
    return set
  }

  /** Ascending. */
  indicesOf(set: number): readonly number[] {
    return this.#sets[set] ?? []
  }

  #indices(): readonly number[] {
    const { wanted, tellsPids } = this.#attributes
    const pid = tellsPids ? this.#table.number('process.pid', this.#key[0]!) : undefined
    return [pid, ...wanted.map((attribute) => this.#index(attribute))]
      .filter((index) => index !== undefined)
      .sort((a, b) => a - b)
  }

  #index(attribute: OtlpSampleAttribute): number | undefined {
    const [, tid = 0, comm = 0, cpu = 0] = this.#key
    switch (attribute) {
      case 'thread.id':
        return this.#table.number(attribute, tid)
      case 'thread.name':
        return this.#table.text(attribute, this.#profile.dictionary.string(comm))
      case 'cpu.logical_number':
        return cpu === 0 ? undefined : this.#table.number(attribute, cpu - 1)
    }
  }
}
