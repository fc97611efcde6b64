// The records of one window: what stands between two FINISHED_ROUND records of a file.

import type { PerfDataWindowJob } from '../../core/encoder.ts'
import type { ProfileBatch } from '../../core/profile.ts'
import { batchesOf } from '../../core/window-view.ts'
import { ByteWriter } from './bytes.ts'
import { type Callchains, packCallchains } from './callchain.ts'
import { eventId } from './header.ts'
import { RECORD, SAMPLE_FIXED_BYTES } from './layout.ts'
import { appendNoticeRecord, appendProcessRecord } from './records.ts'

/** Which process records stand in front, and when the snapshot's count from. */
export type WindowOptions = Pick<PerfDataWindowJob, 'processes' | 'snapshotTime'>

/** `encodeWindow` for a job that crossed to a worker. */
export const encodePerfDataWindow = (job: PerfDataWindowJob): Uint8Array =>
  encodeWindow(batchesOf(job.window.buffer, job.window.sessions), job)

/**
 * Encodes batches of one window, which share their stacks and processes: process records, samples, notices. The result
 * is whole records, each at a multiple of 8; readers sort them by time.
 */
export function encodeWindow(batches: readonly ProfileBatch[], options: WindowOptions): Uint8Array {
  const [first] = batches
  if (first === undefined) return new Uint8Array(0)
  const front = processRecords(first, options)
  const back = noticeRecords(batches)
  const chains = packCallchains(first)
  const sampleBytes = batches.map((batch) => bytesOfSamples(batch, chains))
  const total = sampleBytes.reduce((sum, bytes) => sum + bytes, front.length + back.length)
  const out = new Uint8Array(total)
  out.set(front)
  let offset = front.length
  batches.forEach((batch, index) => {
    const bytes = sampleBytes[index] ?? 0
    writeSamples(new Uint32Array(out.buffer, offset, bytes / 4), batch, chains)
    offset += bytes
  })
  out.set(back, offset)
  return out
}

function processRecords(batch: ProfileBatch, { processes, snapshotTime }: WindowOptions): Uint8Array {
  const writer = new ByteWriter()
  const { events, snapshotLength } = batch.processes
  const synthesised = { time: snapshotTime, id: 0n }
  switch (processes) {
    case 'none':
      return writer.finish()
    case 'snapshot':
      for (let index = 0; index < snapshotLength; index++) {
        appendProcessRecord(writer, events[index]!, synthesised, batch.processes)
      }
      break
    case 'events':
      break
  }
  const id = eventId(batch.session)
  for (let index = snapshotLength; index < events.length; index++) {
    const event = events[index]!
    appendProcessRecord(writer, event, { time: event.time, id: event.synthesised ? 0n : id }, batch.processes)
  }
  return writer.finish()
}

function noticeRecords(batches: readonly ProfileBatch[]): Uint8Array {
  const writer = new ByteWriter()
  for (const batch of batches) {
    for (const notice of batch.notices) appendNoticeRecord(writer, notice, eventId(batch.session))
  }
  return writer.finish()
}

function bytesOfSamples({ samples }: ProfileBatch, { offsets }: Callchains): number {
  let entries = 0
  for (const stack of samples.stack) entries += offsets[stack + 1]! - offsets[stack]!
  return samples.length * SAMPLE_FIXED_BYTES + entries * 8
}

/** The columns as words: a BigInt per value would cost more than everything else here. */
const wordsOf = (column: BigUint64Array): Uint32Array =>
  new Uint32Array(column.buffer, column.byteOffset, column.length * 2)

/**
 * One SAMPLE per row: header, IDENTIFIER, IP, TID, TIME, CPU, PERIOD, CALLCHAIN (reference 4.2). The hot loop of the
 * writer: one store per word, nothing allocated.
 */
function writeSamples(out: Uint32Array, { session, samples }: ProfileBatch, chains: Callchains): void {
  const { offsets, words, cpumode } = chains
  const { pid, tid, cpu, stack } = samples
  const time = wordsOf(samples.time)
  const value = wordsOf(samples.value)
  const id = eventId(session)
  const idLow = Number(id & 0xffff_ffffn)
  const idHigh = Number(id >> 32n)
  let at = 0
  for (let row = 0; row < samples.length; row++) {
    const chain = stack[row]!
    const from = offsets[chain]! * 2
    const to = offsets[chain + 1]! * 2
    out[at] = RECORD.SAMPLE
    out[at + 1] = cpumode[chain]! | ((SAMPLE_FIXED_BYTES + (to - from) * 4) << 16)
    out[at + 2] = idLow
    out[at + 3] = idHigh
    // The leaf stands behind the chain's first marker; a chain without addresses has neither.
    out[at + 4] = to > from ? words[from + 2]! : 0
    out[at + 5] = to > from ? words[from + 3]! : 0
    out[at + 6] = pid[row]!
    out[at + 7] = tid[row]!
    out[at + 8] = time[row * 2]!
    out[at + 9] = time[row * 2 + 1]!
    out[at + 10] = cpu[row]!
    out[at + 11] = 0
    out[at + 12] = value[row * 2]!
    out[at + 13] = value[row * 2 + 1]!
    out[at + 14] = (to - from) >> 1
    out[at + 15] = 0
    at += SAMPLE_FIXED_BYTES / 4
    for (let word = from; word < to; word++) out[at++] = words[word]!
  }
}
