// Profiles as an OTLP ExportProfilesServiceRequest (opentelemetry-proto, profiles v1development), before compression.

import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import { type GroupedRows, groupRows } from './groups.ts'
import { MessageWriter } from './message-writer.ts'

/** What the outside gives. */
export interface OtlpTools {
  /** Sixteen random bytes, new ones each time: the id of a profile. */
  readonly profileId: () => Uint8Array
  /** The rows of a session as gzipped pprof, for `originalPayload`. */
  readonly pprof: (profile: SessionProfile, rows: Uint32Array) => Uint8Array
}

export interface OtlpMessage {
  readonly bytes: Uint8Array
  readonly samples: number
  readonly profiles: number
}

/**
 * The sessions of one aggregate, one Profile for each resource and session. As many messages as it takes for each to stay
 * below `encoding.maxMessageBytes`; a profile that is split keeps its range of time, and each part has an id of its own.
 */
export function encodeOtlpProfiles(
  profiles: readonly SessionProfile[],
  encoding: OtlpEncoding,
  tools: OtlpTools,
): OtlpMessage[] {
  const rows = groupRows(profiles, encoding.resourcePer)
  const write = (from: number, to: number): OtlpMessage =>
    new MessageWriter(profiles, encoding, tools).write(rows, from, to)
  return rows.length === 0
    ? []
    : split(rows, { from: 0, to: rows.length }, { write, maxBytes: encoding.maxMessageBytes })
}

interface Range {
  readonly from: number
  readonly to: number
}

interface Splitting {
  readonly write: (from: number, to: number) => OtlpMessage
  readonly maxBytes: number
}

/**
 * Parts of what is too large: as many as its bytes say, so that little is encoded in vain; each brings a dictionary of its own, so
 * that one may still be too large.
 */
function split(rows: GroupedRows, { from, to }: Range, splitting: Splitting): OtlpMessage[] {
  const message = splitting.write(from, to)
  const { length } = message.bytes
  if (length < splitting.maxBytes || to - from === 1) return [message]
  const parts = Math.min(to - from, Math.max(2, Math.ceil((length * DICTIONARIES) / splitting.maxBytes)))
  return partsOf(rows.group, { from, to }, parts).flatMap((range) => split(rows, range, splitting))
}

/** Parts have more in all than the whole has, as they repeat what they share. */
const DICTIONARIES = 1.25

/** Ranges of about one size, between two resources where there is a border near. */
function partsOf(group: Uint32Array, { from, to }: Range, parts: number): Range[] {
  const size = (to - from) / parts
  const ranges: Range[] = []
  let begin = from
  for (let part = 1; part < parts; part++) {
    const end = borderNear(
      group,
      { from: begin, to },
      { at: from + Math.round(size * part), reach: size / 4 },
    )
    if (end <= begin || end >= to) continue
    ranges.push({ from: begin, to: end })
    begin = end
  }
  return [...ranges, { from: begin, to }]
}

function borderNear(
  group: Uint32Array,
  { from, to }: Range,
  { at: middle, reach }: { readonly at: number; readonly reach: number },
): number {
  for (let distance = 0; distance < reach; distance++) {
    for (const at of [middle - distance, middle + distance]) {
      if (at > from && at < to && group[at] !== group[at - 1]) return at
    }
  }
  return middle
}
