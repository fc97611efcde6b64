// pprof's profile.proto, before gzip. The tables are written by pprof-format, the samples (which are many) by hand; a
// protobuf message may be given in pieces, so that one behind the other is the whole.

import { Profile, StringTable, ValueType } from 'pprof-format'
import type { SamplingRate } from '../../core/profile.ts'
import { periodOf } from '../../core/units.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import { COMMON_PPROF, type PprofDialect, type ValueTypeName } from './dialect.ts'
import { LocationTables } from './location-tables.ts'
import { writeSamples } from './samples.ts'

/**
 * One session, or some of its rows.
 * @param rows which of its rows, those of a stack side by side
 */
export function encodePprof(
  profile: SessionProfile,
  rows: Uint32Array = profile.rows.byStack(),
  dialect: PprofDialect = COMMON_PPROF,
): Uint8Array<ArrayBuffer> {
  const strings = new StringTable()
  const content = { profile, rows, dialect }
  const tables = new LocationTables(content, strings)
  const samples = writeSamples(content, tables, strings)
  const { event, rate } = profile.session
  const types = dialect.valueTypes(event)
  const valueType = ({ type, unit }: ValueTypeName): ValueType =>
    new ValueType({ type: strings.dedup(type), unit: strings.dedup(unit) })
  const period = periodFor(rate, event.unit === 'nanoseconds')
  // pprof-format corrupts a message whose sub-message is all zero: nothing here is (the indices of '' do not occur).
  const head = new Profile({
    sampleType: [valueType(types.samples), valueType(types.weight)],
    mapping: tables.mappings(),
    location: tables.locations,
    function: tables.functions,
    timeNanos: profile.unixStart,
    durationNanos: profile.duration,
    periodType: valueType(types.period),
    ...(period > 0n && { period }),
    comment: commentsOn(profile).map((text) => strings.dedup(text)),
    ...(types.shown !== '' && { defaultSampleType: strings.dedup(types.shown) }),
    stringTable: strings,
  }).encode()
  const whole = new Uint8Array(head.length + samples.length)
  whole.set(head)
  whole.set(samples, head.length)
  return whole
}

/** 0 where each sample has its own: the kernel moves the period of a counter that is sampled by frequency. */
function periodFor(rate: SamplingRate, clock: boolean): bigint {
  switch (rate.by) {
    case 'period':
      return rate.period
    case 'frequency':
      return clock ? periodOf(rate.hertz) : 0n
  }
}

function commentsOn({ session, losses }: SessionProfile): string[] {
  const { config, event, rate, host } = session
  return [
    ...(config === null ? [] : [`config: ${config.name}${config.version && ` version ${config.version}`}`]),
    `event: ${event.name}`,
    rate.by === 'period' ? `period: ${rate.period}` : `frequency: ${rate.hertz} Hz`,
    `host: ${host.hostname}`,
    ...[...losses].map(([reason, count]) => `lost: ${count} ${reason}`),
  ]
}
