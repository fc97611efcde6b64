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

/** Halves what is too large, between two resources where there is a border near the middle. */
function split(rows: GroupedRows, { from, to }: Range, splitting: Splitting): OtlpMessage[] {
  const message = splitting.write(from, to)
  if (message.bytes.length < splitting.maxBytes || to - from === 1) return [message]
  const middle = borderNear(rows.group, { from, to })
  return [...split(rows, { from, to: middle }, splitting), ...split(rows, { from: middle, to }, splitting)]
}

function borderNear(group: Uint32Array, { from, to }: Range): number {
  const middle = from + Math.ceil((to - from) / 2)
  const reach = Math.floor((to - from) / 4)
  for (let distance = 0; distance < reach; distance++) {
    for (const at of [middle - distance, middle + distance]) {
      if (at > from && at < to && group[at] !== group[at - 1]) return at
    }
  }
  return middle
}
