// A recording that comes through a pipe: its beginning is read before anything is made of it.

import { FILE_HEADER_BYTES, PIPE_HEADER_BYTES } from '../../formats/perf-data/layout.ts'
import { endsPipeHead } from '../../formats/perf-data/pipe-head.ts'
import { RecordCutter } from '../../formats/perf-data/raw-records.ts'
import { kindOf, openPerfData, type PerfDataFile } from '../../formats/perf-data/reader.ts'
import { type ByteSource, unreadable } from '../../formats/perf-data/source.ts'

/** Bytes that come once. */
export interface ByteStream {
  /** For messages. */
  readonly name: string
  readonly pieces: AsyncIterable<Uint8Array>
  close(): void
}

/** What a stream tells of itself before its samples: maps of the kernel's modules, descriptions of tracepoints, build ids. */
const MAX_HEAD_BYTES = 256 * 2 ** 20

export interface PipeInput {
  readonly file: PerfDataFile
  /** All data, those read already among them. */
  readonly pieces: AsyncIterable<Uint8Array>
}

export async function readPipeHead({ name, pieces }: ByteStream): Promise<PipeInput> {
  const iterator = pieces[Symbol.asyncIterator]()
  const head = new StreamHead(name)
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    head.add(next.value)
    if (head.isWhole) break
  }
  const source = head.source()
  return { file: openPerfData(source), pieces: piecesFrom(source, iterator) }
}

async function* piecesFrom(head: ByteSource, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head.read(PIPE_HEADER_BYTES, head.size - PIPE_HEADER_BYTES)
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

class StreamHead {
  isWhole = false
  readonly #name: string
  readonly #pieces: Uint8Array[] = []
  #size = 0
  #cutter: RecordCutter | undefined

  constructor(name: string) {
    this.#name = name
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#size += piece.length
    if (this.#size > MAX_HEAD_BYTES) throw unreadable(this.source(), 'it does not come to its samples.')
    if (this.#size < PIPE_HEADER_BYTES) return
    if (this.#cutter !== undefined) this.#look(this.#cutter, piece)
    else this.#begin()
  }

  #begin(): void {
    const source = this.source()
    const { order, mode } = kindOf(source.read(0, FILE_HEADER_BYTES), source)
    if (mode === 'file')
      throw unreadable(
        source,
        'it is a file that somebody pipes, and files are not read in their order. Name the file instead.',
      )
    this.#cutter = new RecordCutter(order, PIPE_HEADER_BYTES)
    this.#look(this.#cutter, source.read(PIPE_HEADER_BYTES, this.#size))
  }

  #look(cutter: RecordCutter, piece: Uint8Array): void {
    for (const record of cutter.records(piece)) if (endsPipeHead(record)) this.isWhole = true
    if (cutter.broken !== undefined) this.isWhole = true
  }

  source(): ByteSource {
    const bytes = Buffer.concat(this.#pieces)
    return {
      name: this.#name,
      size: bytes.length,
      read: (offset, length) => bytes.subarray(offset, offset + length),
    }
  }
}
