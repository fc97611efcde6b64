// The records of one window that are no samples: what stands before and behind them between two FINISHED_ROUND records.
// The samples themselves are written by the addon (core/encoder.ts, EncodeSamples).

import { inTurns } from '../../base/turns.ts'
import type { SampleSession } from '../../core/encoder.ts'
import { EVENT_TYPE, type ProfileBatch, type SessionInfo } from '../../core/profile.ts'
import { ByteWriter } from './bytes.ts'
import { eventId } from './header.ts'
import {
  appendCgroupRecord,
  appendKernelSymbolRecord,
  appendNoticeRecord,
  appendProcessRecord,
} from './records.ts'

/**
 * Which records about processes stand before the samples of a stretch of perf.data.
 * `snapshot`: the state at the window's start, then the window's events; a file begins so, and goes on so after a gap.
 * `events`: only what happened in the window. `none`: another session of the same window brought them.
 */
export type ProcessRecords = 'snapshot' | 'events' | 'none'

export interface ProcessRecordOptions {
  readonly processes: ProcessRecords
  /** Monotonic ns given to the snapshot's records; 0n puts them before everything, as perf does. */
  readonly snapshotTime: bigint
}

/** How the samples of a session name their event. */
export const sampleSession = (session: SessionInfo): SampleSession => ({
  session: session.id,
  eventId: eventId(session),
  tellsCgroups: session.tellsCgroups,
  ...(session.event.type === EVENT_TYPE.tracepoint ? { tracepoint: Number(session.event.config) } : {}),
})

/** The records of a window about processes, cgroups and the kernel's code, to stand before its samples: whole records, each at a multiple of 8. */
export async function processRecords(
  batch: ProfileBatch,
  { processes, snapshotTime }: ProcessRecordOptions,
): Promise<Uint8Array> {
  const writer = new ByteWriter()
  const { events, snapshotLength } = batch.processes
  if (processes === 'none') return writer.finish()
  const synthesised = { time: snapshotTime, id: 0n }
  const id = eventId(batch.session)
  const first = processes === 'snapshot' ? 0 : snapshotLength
  for await (const [from, to] of inTurns(events.length - first)) {
    for (let index = first + from; index < first + to; index++) {
      const event = events.at(index)
      const stamp =
        index < snapshotLength ? synthesised : { time: event.time, id: event.synthesised ? 0n : id }
      appendProcessRecord(writer, event, stamp, batch.processes)
    }
  }
  const time = processes === 'snapshot' ? snapshotTime : batch.window.start
  for (const [cgroup, path] of batch.cgroups) {
    if (path !== '') appendCgroupRecord(writer, { id: cgroup, path }, time)
  }
  for (const symbol of batch.kernelSymbols) appendKernelSymbolRecord(writer, symbol, id)
  return writer.finish()
}

/** What is to be said of a batch besides, to stand behind its samples; readers sort records by time. */
export function noticeRecords({ notices, session }: ProfileBatch): Uint8Array {
  const writer = new ByteWriter()
  for (const notice of notices) appendNoticeRecord(writer, notice, eventId(session))
  return writer.finish()
}
