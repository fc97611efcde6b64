import type { Writer } from 'protobufjs/minimal.js'
import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import type { TimedSamples } from '../profile/sample-times.ts'
import {
  PROFILE,
  SAMPLE,
  writeBytes,
  writeMessage,
  writePacked,
  writePackedWide,
  writeUint,
} from './fields.ts'
import type { LevelFields } from './levels.ts'
import type { StackTables } from './stack-tables.ts'

export interface SampleOptions {
  readonly profile: SessionProfile
  readonly stacks: StackTables
  readonly shape: OtlpEncoding['shape']
  readonly fields: LevelFields['sample']
}

/** Rows that are the same to a reader: {stack, set of attributes}. */
interface Identity {
  readonly stack: number
  readonly attributes: readonly number[]
  readonly rows: number[]
}

export interface WrittenSamples {
  /** Events. */
  readonly count: number
  /** Unix ns of the first and the last event; of none where times are not written. */
  readonly earliest: bigint
  readonly latest: bigint
}

const NEVER = 0xffff_ffff_ffff_ffffn

/** Collects the rows of a Profile, then writes a Sample for each identity. */
export class SampleWriter {
  readonly #options: SampleOptions
  readonly #identities = new Map<string, Identity>()

  constructor(options: SampleOptions) {
    this.#options = options
  }

  add(row: number, attributes: readonly number[]): void {
    const { profile, stacks } = this.#options
    const stack = stacks.stack(profile.rows.stackOf(row))
    const key = `${stack}/${attributes.join()}`
    const known = this.#identities.get(key)
    if (known === undefined) this.#identities.set(key, { stack, attributes, rows: [row] })
    else known.rows.push(row)
  }

  write(writer: Writer): WrittenSamples {
    const timesOf = this.#options.shape === 'timestamps' ? this.#timesByRow() : undefined
    let count = 0
    let earliest = NEVER
    let latest = 0n
    for (const identity of this.#identities.values()) {
      const timed = timesOf === undefined ? undefined : inOrder(identity.rows.map(timesOf))
      count += this.#countOf(identity)
      for (const time of timed?.times ?? []) {
        if (time < earliest) earliest = time
        if (time > latest) latest = time
      }
      writeMessage(writer, PROFILE.samples, (message) => this.#writeSample(message, identity, timed))
    }
    return { count, earliest, latest }
  }

  #writeSample(message: Writer, identity: Identity, timed: TimedSamples | undefined): void {
    const { fields } = this.#options
    writeUint(message, SAMPLE.stack, identity.stack)
    writePacked(message, fields.attributes, identity.attributes)
    if (timed === undefined) {
      writePackedWide(message, fields.values, [this.#valueOf(identity)])
      return
    }
    // A timestamp alone weighs 1, which is what a tick of a clock is counted as.
    if (!this.#isClock) writePackedWide(message, fields.values, timed.weights)
    const { buffer, byteOffset, byteLength } = timed.times
    // Packed fixed64 are little-endian, as the machines that Sonde runs on.
    writeBytes(message, SAMPLE.timestamps, new Uint8Array(buffer, byteOffset, byteLength))
  }

  get #isClock(): boolean {
    return this.#options.profile.session.event.unit === 'nanoseconds'
  }

  #countOf({ rows }: Identity): number {
    return rows.reduce((sum, row) => sum + this.#options.profile.rows.count(row), 0)
  }

  /** Clock events are counted; of others each sample has its own weight. */
  #valueOf(identity: Identity): bigint {
    if (this.#isClock) return BigInt(this.#countOf(identity))
    return identity.rows.reduce((sum, row) => sum + this.#options.profile.rows.value(row), 0n)
  }

  #timesByRow(): (row: number) => TimedSamples {
    const { profile } = this.#options
    if (profile.times === undefined) throw new Error('the profile was opened without times')
    return profile.times.byRow(profile.rows.length)
  }
}

/** One list of what several rows have, in order of time. */
function inOrder(lists: readonly TimedSamples[]): TimedSamples {
  const [only] = lists
  if (only !== undefined && lists.length === 1) return only
  const pairs = lists.flatMap(({ times, weights }) =>
    Array.from(times, (time, at) => ({ time, weight: weights[at] ?? 0n })),
  )
  pairs.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  return {
    times: BigUint64Array.from(pairs, ({ time }) => time),
    weights: BigUint64Array.from(pairs, ({ weight }) => weight),
  }
}
