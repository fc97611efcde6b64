// A window as it crosses to another thread. The buffer is shared; names are columns over distinct texts, because cloning
// some ten thousand small objects would keep the event loop for tens of milliseconds.

import { inTurns } from '../base/turns.ts'
import type { WindowSource } from '../core/encoder.ts'
import type { SessionInfo } from '../core/profile.ts'
import type { SampleResources } from '../core/resource.ts'
import type { FrameName, FrameNames } from '../core/symbolizer.ts'

export interface PackedWindow {
  readonly buffer: SharedArrayBuffer
  readonly sessions: readonly SessionInfo[]
  readonly names: PackedNames
  /** Their columns are in shared memory, and of rows there are as many as processes. */
  readonly resources?: ReadonlyMap<number, SampleResources>
}

export interface PackedNames {
  readonly texts: readonly string[]
  /** Five numbers per name: function, system name, file (texts), line, offset. */
  readonly rows: Uint32Array
  readonly offsets: Uint32Array
  readonly indices: Uint32Array
}

const COLUMNS = 5
/** Batches of one window share their names; each is a message of its own. */
const packedBefore = new WeakMap<FrameNames, Promise<PackedNames>>()

export async function packWindow({ names, ...rest }: WindowSource): Promise<PackedWindow> {
  const packed = packedBefore.get(names) ?? packNames(names)
  packedBefore.set(names, packed)
  return { ...rest, names: await packed }
}

export const unpackWindow = ({ names, ...rest }: PackedWindow): WindowSource => ({
  ...rest,
  names: { table: unpackTable(names), offsets: names.offsets, indices: names.indices },
})

async function packNames(names: FrameNames): Promise<PackedNames> {
  const texts: string[] = []
  const numbers = new Map<string, number>()
  const numberOf = (text: string): number => {
    const known = numbers.get(text)
    if (known !== undefined) return known
    const number = texts.push(text) - 1
    numbers.set(text, number)
    return number
  }
  const rows = new Uint32Array(new SharedArrayBuffer(names.table.length * COLUMNS * 4))
  for await (const [from, to] of inTurns(names.table.length)) {
    names.table.slice(from, to).forEach((name, index) => {
      const at = (from + index) * COLUMNS
      rows[at] = numberOf(name.function)
      rows[at + 1] = numberOf(name.systemName)
      rows[at + 2] = numberOf(name.file)
      rows[at + 3] = name.line
      rows[at + 4] = name.offset
    })
  }
  return { texts, rows, offsets: names.offsets, indices: names.indices }
}

const unpackTable = ({ texts, rows }: PackedNames): FrameName[] =>
  Array.from({ length: rows.length / COLUMNS }, (_, index) => {
    const number = (column: number): number => rows[index * COLUMNS + column] as number
    const text = (column: number): string => texts[number(column)] ?? ''
    return { function: text(0), systemName: text(1), file: text(2), line: number(3), offset: number(4) }
  })
