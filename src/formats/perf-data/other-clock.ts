// Records of a file whose samples go by another clock than CLOCK_MONOTONIC, which ours do.

import { FIRST_TOOL_RECORD, RECORD, RECORD_HEADER_BYTES, SAMPLE_ID_BYTES } from './layout.ts'

/** Behind the header: identifier, ip, pid and tid. */
const SAMPLE_TIME_AT = RECORD_HEADER_BYTES + 24
/** Behind the header: pid, parent's pid, tid, parent's tid. */
const TASK_TIME_AT = RECORD_HEADER_BYTES + 16
/** From the end: time, cpu, 0 and id. */
const TRAILER_TIME_BYTES = SAMPLE_ID_BYTES - 8

/** Adds `offset` to every time in `records`, whole ones, in place. A time of 0 is none: it stands before everything. */
export function moveTimes(records: Uint8Array, offset: bigint): void {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength)
  const move = (at: number): void => {
    const time = view.getBigUint64(at, true)
    if (time !== 0n) view.setBigUint64(at, BigInt.asUintN(64, time + offset), true)
  }
  for (let at = 0; at < records.length; ) {
    const type = view.getUint32(at, true)
    const size = view.getUint16(at + 6, true)
    if (type === RECORD.SAMPLE) move(at + SAMPLE_TIME_AT)
    else if (type < FIRST_TOOL_RECORD) {
      if (type === RECORD.FORK || type === RECORD.EXIT) move(at + TASK_TIME_AT)
      if (type === RECORD.THROTTLE || type === RECORD.UNTHROTTLE) move(at + RECORD_HEADER_BYTES)
      move(at + size - TRAILER_TIME_BYTES)
    }
    at += size
  }
}
