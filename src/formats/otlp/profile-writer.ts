import type { Writer } from 'protobufjs/minimal.js'
import type { OtlpEncoding, OtlpSampleAttribute } from '../../core/otlp-encoding.ts'
import { periodOf } from '../../core/units.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import type { Row } from '../profile/row-table.ts'
import type { AttributeTable } from './attribute-table.ts'
import {
  PROFILE,
  VALUE_TYPE,
  writeBytes,
  writeFixed64,
  writeMessage,
  writeString,
  writeUint,
  writeWide,
} from './fields.ts'
import { LEVEL_FIELDS } from './levels.ts'
import type { OtlpTools } from './profiles.ts'
import { SampleWriter } from './sample-writer.ts'
import type { StackTables } from './stack-tables.ts'
import type { StringTable } from './string-table.ts'

/** Rows of a session that become one Profile. */
export interface ProfilePart {
  readonly profile: SessionProfile
  readonly rows: Uint32Array
  /** They are of several processes. */
  readonly tellsPids: boolean
}

export interface ProfileTables {
  readonly strings: StringTable
  readonly attributes: AttributeTable
  readonly stacks: StackTables
  readonly encoding: OtlpEncoding
}

/** AGGREGATION_TEMPORALITY_DELTA */
const DELTA = 1

export class ProfileWriter {
  readonly #part: ProfilePart
  readonly #tables: ProfileTables
  readonly #threads = new Map<string, readonly number[]>()

  constructor(part: ProfilePart, tables: ProfileTables) {
    this.#part = part
    this.#tables = tables
  }

  /** Returns how many samples it wrote: events, not Sample messages. */
  write(writer: Writer, tools: OtlpTools): number {
    const { profile, rows } = this.#part
    const { encoding, stacks } = this.#tables
    const fields = LEVEL_FIELDS[encoding.level]
    const clock = profile.session.event.unit === 'nanoseconds'
    this.#valueType(
      writer,
      PROFILE.sampleType,
      clock ? ['samples', 'count'] : [profile.session.event.name, 'count'],
    )
    const samples = new SampleWriter({ profile, stacks, shape: encoding.shape, fields: fields.sample })
    for (const number of rows) samples.add(number, this.#attributesOf(profile.rows.at(number)))
    const { count, earliest, latest } = samples.write(writer)
    const start = min(earliest, profile.unixStart)
    const end = profile.unixStart + profile.duration
    writeFixed64(writer, PROFILE.time, start)
    // A timestamp lies before the end.
    writeWide(writer, PROFILE.duration, (latest >= end ? latest + 1n : end) - start)
    if (clock) this.#writePeriod(writer)
    writeBytes(writer, fields.profile.profileId, tools.profileId())
    if (encoding.originalPayload === 'pprof') {
      writeString(writer, fields.profile.originalPayloadFormat, 'pprof')
      writeBytes(writer, fields.profile.originalPayload, tools.pprof(profile, rows))
    }
    return count
  }

  /** What Pyroscope and Parca know CPU profiles by. */
  #writePeriod(writer: Writer): void {
    const { rate } = this.#part.profile.session
    this.#valueType(writer, PROFILE.periodType, ['cpu', 'nanoseconds'])
    writeWide(writer, PROFILE.period, rate.by === 'period' ? rate.period : periodOf(rate.hertz))
  }

  #valueType(writer: Writer, field: number, [type, unit]: readonly [string, string]): void {
    const { encoding, strings } = this.#tables
    writeMessage(writer, field, (message) => {
      writeUint(message, VALUE_TYPE.type, strings.index(type))
      writeUint(message, VALUE_TYPE.unit, strings.index(unit))
      const { temporality } = LEVEL_FIELDS[encoding.level]
      if (temporality !== undefined) writeUint(message, temporality, DELTA)
    })
  }

  /** Ascending. */
  #attributesOf(row: Row): readonly number[] {
    const key = `${row.pid}/${row.tid}/${row.comm}/${row.cpu}`
    const known = this.#threads.get(key)
    if (known !== undefined) return known
    const { attributes, encoding } = this.#tables
    const indices = [
      this.#part.tellsPids ? attributes.number('process.pid', row.pid) : undefined,
      ...encoding.sampleAttributes.map((attribute) => this.#attribute(attribute, row)),
    ].filter((index) => index !== undefined)
    const sorted = indices.sort((a, b) => a - b)
    this.#threads.set(key, sorted)
    return sorted
  }

  #attribute(attribute: OtlpSampleAttribute, row: Row): number | undefined {
    const { attributes } = this.#tables
    switch (attribute) {
      case 'thread.id':
        return attributes.number(attribute, row.tid)
      case 'thread.name':
        return attributes.text(attribute, this.#part.profile.dictionary.string(row.comm))
      case 'cpu.logical_number':
        return row.cpu === 0 ? undefined : attributes.number(attribute, row.cpu - 1)
    }
  }
}

const min = (a: bigint, b: bigint): bigint => (a > b ? b : a)
