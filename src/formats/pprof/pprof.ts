// pprof's profile.proto, before gzip. The tables are written by pprof-format, the samples (which are many) by hand; a
// protobuf message may be given in pieces, so that one behind the other is the whole.

import { Profile, StringTable, ValueType } from 'pprof-format'
import type { SamplingRate } from '../../core/profile.ts'
import { periodOf } from '../../core/units.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import { LocationTables } from './location-tables.ts'
import { writeSamples } from './samples.ts'

/**
 * One session. Clock events: `samples/count` and `cpu/nanoseconds`; every other event: `samples/count` and the event
 * itself, in counts. The last one is what tools show first.
 * @param rows which of its rows, those of a stack side by side
 */
export function encodePprof(
  profile: SessionProfile,
  rows: Uint32Array = profile.rows.byStack(),
): Uint8Array<ArrayBuffer> {
  const strings = new StringTable()
  const tables = new LocationTables(profile, rows, strings)
  const samples = writeSamples({ profile, rows }, tables, strings)
  const { event, rate } = profile.session
  const clock = event.unit === 'nanoseconds'
  const eventType = { type: strings.dedup(event.name), unit: strings.dedup(event.unit) }
  const period = periodFor(rate, clock)
  // pprof-format corrupts a message whose sub-message is all zero: nothing here is (the indices of '' do not occur).
  const head = new Profile({
    sampleType: [
      new ValueType({ type: strings.dedup('samples'), unit: strings.dedup('count') }),
      new ValueType(clock ? { type: strings.dedup('cpu'), unit: strings.dedup('nanoseconds') } : eventType),
    ],
    mapping: tables.mappings(),
    location: tables.locations,
    function: tables.functions,
    timeNanos: profile.unixStart,
    durationNanos: profile.duration,
    periodType: new ValueType(eventType),
    ...(period > 0n && { period }),
    comment: commentsOn(profile).map((text) => strings.dedup(text)),
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
  const { event, rate, host } = session
  return [
    `event: ${event.name}`,
    rate.by === 'period' ? `period: ${rate.period}` : `frequency: ${rate.hertz} Hz`,
    `host: ${host.hostname}`,
    ...[...losses].map(([reason, count]) => `lost: ${count} ${reason}`),
  ]
}
