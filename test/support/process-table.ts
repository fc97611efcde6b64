// Process tables made by hand, from lists.

import type { EventTable, Image, Mapping, ProcessEvent, ProcessTable, Rows } from '../../src/core/process.ts'

const rowsOf = <Row>(rows: readonly Row[]): Rows<Row> => ({
  length: rows.length,
  at(index) {
    const row = rows[index]
    if (row === undefined) throw new RangeError(`no row ${index}`)
    return row
  },
  [Symbol.iterator]: () => rows[Symbol.iterator](),
})

const eventsOf = (events: readonly ProcessEvent[]): EventTable => ({
  ...rowsOf(events),
  time: BigUint64Array.from(events, ({ time }) => time),
  pid: Uint32Array.from(events, ({ pid }) => pid),
})

/** `snapshot`: how many of the events are the state at the window's start. */
export const processTableOf = (
  {
    images = [],
    mappings = [],
    events,
  }: { images?: readonly Image[]; mappings?: readonly Mapping[]; events: readonly ProcessEvent[] },
  snapshotLength: number,
): ProcessTable => ({
  images: { ...rowsOf(images), runtime: new Uint8Array(0) },
  mappings: rowsOf(mappings),
  events: eventsOf(events),
  snapshotLength,
})
