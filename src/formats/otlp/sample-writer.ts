import type { Writer } from 'protobufjs/minimal.js'
import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import type { TimedSamples } from '../profile/sample-times.ts'
import { SequenceTable, unlimited } from '../profile/sequence-table.ts'
import { fixedPeriodOf, samplesStoodFor } from '../profile/stood-for.ts'
import type { AttributeSets } from './attribute-sets.ts'
import { PROFILE, SAMPLE, writeBytes, writePacked, writePackedWide, writeUint } from './fields.ts'
import type { LevelFields } from './levels.ts'
import type { StackTables } from './stack-tables.ts'

export interface SampleOptions {
  readonly profile: SessionProfile
  readonly stacks: StackTables
  readonly attributes: AttributeSets
  readonly shape: OtlpEncoding['shape']
  readonly fields: LevelFields['sample']
}

export interface WrittenSamples {
  /** Samples that were kept. */
  readonly count: number
  /** Unix ns of the first and the last event; of none where times are not written. */
  readonly earliest: bigint
  readonly latest: bigint
}

const NEVER = 0xffff_ffff_ffff_ffffn
const LENGTH_DELIMITED = 2

/**
 * Collects the rows of a Profile, then writes a Sample for each identity: rows that are the same to a reader, {stack, set of
 * attributes}, are one. Columns instead of objects: there may be a hundred thousand.
 */
export class SampleWriter {
  readonly #options: SampleOptions
  readonly #isClock: boolean
  /** [stack, set] of each identity. */
  readonly #identities = new SequenceTable(unlimited())
  /** By identity: its samples, those that they stand for, and the sum of their weights where they have some. */
  readonly #counts: Float64Array
  readonly #stoodFor: Float64Array
  readonly #samplesOf: (row: number) => number
  readonly #weights: BigUint64Array
  /** By identity its rows, where their times are wanted. */
  readonly #rows: number[][] = []
  readonly #key = new Uint32Array(2)

  /** @param rows how many will be added */
  constructor(options: SampleOptions, rows: number) {
    this.#options = options
    this.#isClock = options.profile.session.event.unit === 'nanoseconds'
    this.#counts = new Float64Array(rows)
    this.#stoodFor = new Float64Array(rows)
    this.#samplesOf = samplesStoodFor(options.profile)
    this.#weights = new BigUint64Array(this.#isClock ? 0 : rows)
  }

  add(row: number): void {
    const { profile, stacks, attributes, shape } = this.#options
    this.#key[0] = stacks.stack(profile.rows.stackOf(row))
    this.#key[1] = attributes.ofRow(row)
    const identity = this.#identities.intern(this.#key, 2)
    this.#counts[identity]! += profile.rows.count(row)
    this.#stoodFor[identity]! += this.#samplesOf(row)
    if (!this.#isClock) this.#weights[identity]! += profile.rows.value(row)
    if (shape !== 'timestamps') return
    const rows = this.#rows[identity]
    if (rows === undefined) this.#rows[identity] = [row]
    else rows.push(row)
  }

  write(writer: Writer): WrittenSamples {
    const timesOf = this.#options.shape === 'timestamps' ? this.#timesByRow() : undefined
    let count = 0
    let earliest = NEVER
    let latest = 0n
    for (let identity = 0; identity < this.#identities.length; identity++) {
      const timed = timesOf === undefined ? undefined : inOrder((this.#rows[identity] ?? []).map(timesOf))
      count += this.#counts[identity]!
      for (const time of timed?.times ?? []) {
        if (time < earliest) earliest = time
        if (time > latest) latest = time
      }
      this.#writeSample(writer, identity, timed)
    }
    return { count, earliest, latest }
  }

  #writeSample(writer: Writer, identity: number, timed: TimedSamples | undefined): void {
    const { fields, attributes } = this.#options
    writer.uint32((PROFILE.samples << 3) | LENGTH_DELIMITED).fork()
    writeUint(writer, SAMPLE.stack, this.#identities.word(identity, 0))
    writePacked(writer, fields.attributes, attributes.indicesOf(this.#identities.word(identity, 1)))
    if (timed === undefined) this.#writeValue(writer, identity)
    else this.#writeTimes(writer, identity, timed)
    writer.ldelim()
  }

  /** Clock events are counted; of others each sample has its own weight. */
  #writeValue(writer: Writer, identity: number): void {
    const { fields } = this.#options
    if (this.#isClock) writePacked(writer, fields.values, [this.#stoodFor[identity]!])
    else writePackedWide(writer, fields.values, [this.#weights[identity]!])
  }

  #writeTimes(writer: Writer, identity: number, { times, weights }: TimedSamples): void {
    const { fields, profile } = this.#options
    // A timestamp alone weighs 1, which is what a tick of a clock is counted as, unless it stands for others.
    if (!this.#isClock) writePackedWide(writer, fields.values, weights)
    else if (this.#stoodFor[identity] !== this.#counts[identity])
      writePacked(writer, fields.values, ticksOf(weights, fixedPeriodOf(profile.session)))
    const { buffer, byteOffset, byteLength } = times
    // Packed fixed64 are little-endian, as the machines that Sonde runs on.
    writeBytes(writer, SAMPLE.timestamps, new Uint8Array(buffer, byteOffset, byteLength))
  }

  #timesByRow(): (row: number) => TimedSamples {
    const { profile } = this.#options
    if (profile.times === undefined) throw new Error('the profile was opened without times')
    return profile.times.byRow(profile.rows.length)
  }
}

/** How many ticks of a clock each weight is. */
const ticksOf = (weights: BigUint64Array, period: number | undefined): number[] =>
  Array.from(weights, (weight) => Math.max(1, Math.round(Number(weight) / (period ?? Number(weight)))))

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
