// What happened, as markers: on the threads that it happened to, and on one of its own what befell sampling.

import { sessionTitle } from '../../core/profile.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import type { SamplingEvent, ThreadEvent } from '../profile/timeline.ts'

export interface Marker {
  readonly name: string
  /** Unix ns; `until` absent: at one moment. */
  readonly from: bigint
  readonly until?: bigint
  readonly data: { readonly type: string } & Readonly<Record<string, string | number>>
}

const INTEGER = 'integer'
const TEXT = 'string'
const EVERYWHERE = ['marker-chart', 'marker-table', 'timeline-overview'] as const

const fields = (formats: Readonly<Record<string, string>>) =>
  Object.entries(formats).map(([key, format]) => ({ key, label: key, format }))

/** What the viewer is told of the kinds of markers. */
export const MARKER_SCHEMA = [
  {
    name: 'lost',
    tableLabel: '{marker.data.samples} samples of {marker.data.event}: {marker.data.reason}',
    chartLabel: '{marker.data.samples} lost: {marker.data.reason}',
    display: EVERYWHERE,
    fields: fields({ event: TEXT, reason: TEXT, samples: INTEGER }),
  },
  {
    name: 'throttle',
    tableLabel: '{marker.data.event} on CPU {marker.data.cpu}',
    display: EVERYWHERE,
    fields: fields({ event: TEXT, cpu: INTEGER }),
  },
  {
    name: 'exec',
    tableLabel: '{marker.data.name}',
    display: EVERYWHERE,
    fields: fields({ name: TEXT }),
  },
  {
    name: 'fork',
    tableLabel: 'process {marker.data.process}, thread {marker.data.thread}',
    display: EVERYWHERE,
    fields: fields({ process: 'pid', thread: 'tid' }),
  },
  { name: 'exit', display: EVERYWHERE, fields: [] },
] as const

export function samplingMarkers(
  events: readonly SamplingEvent[],
  profiles: readonly SessionProfile[],
): Marker[] {
  const titles = new Map(profiles.map(({ session }) => [session.id, sessionTitle(session)]))
  return events.flatMap((each): Marker[] => {
    const event = titles.get(each.session)
    if (event === undefined) return []
    switch (each.kind) {
      case 'lost': {
        const { from, until, reason, count } = each
        return [{ name: 'lost', from, until, data: { type: 'lost', event, reason, samples: count } }]
      }
      case 'throttle':
      case 'unthrottle':
        return [{ name: each.kind, from: each.time, data: { type: 'throttle', event, cpu: each.cpu } }]
    }
  })
}

/** By `pid/tid`. A fork is what the parent did. */
export function threadMarkers(events: readonly ThreadEvent[]): ReadonlyMap<string, readonly Marker[]> {
  const markers = new Map<string, Marker[]>()
  const add = (pid: number, tid: number, marker: Marker): void => {
    const key = `${pid}/${tid}`
    const known = markers.get(key)
    if (known === undefined) markers.set(key, [marker])
    else known.push(marker)
  }
  for (const event of events) {
    const { kind, time: from, pid, tid } = event
    switch (kind) {
      case 'exec':
        add(pid, tid, { name: kind, from, data: { type: kind, name: event.comm } })
        break
      case 'fork': {
        const name = pid === event.parentPid ? 'new thread' : kind
        const data = { type: kind, process: String(pid), thread: String(tid) }
        add(event.parentPid, event.parentTid, { name, from, data })
        break
      }
      case 'exit':
        add(pid, tid, { name: kind, from, data: { type: kind } })
        break
    }
  }
  return markers
}
