import type { Writer } from 'protobufjs/minimal.js'
import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import { periodOf } from '../../core/units.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import { AttributeSets } from './attribute-sets.ts'
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
    const attributes = new AttributeSets(profile, this.#tables.attributes, {
      wanted: encoding.sampleAttributes,
      tellsPids: this.#part.tellsPids,
    })
    const { shape } = encoding
    const options = { profile, stacks, attributes, shape, fields: fields.sample }
    const samples = new SampleWriter(options, rows.length)
    for (const row of rows) samples.add(row)
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
}

const min = (a: bigint, b: bigint): bigint => (a > b ? b : a)
