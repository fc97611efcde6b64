// Where the records of a recording come from, and how they come: unpacked, joined to what belongs to them, in order of time.

import { messageOf } from '../../core/errors.ts'
import type { FileRecord, TimedRecord } from '../../formats/perf-data/file-records.ts'
import { openPerfData, type PerfDataFile } from '../../formats/perf-data/reader.ts'
import {
  type PackedRecord,
  piecesOf,
  type ReadOptions,
  RecordReader,
} from '../../formats/perf-data/record-reader.ts'
import { CounterValues } from './counter-values.ts'
import { DeferredChains } from './deferred-chains.ts'
import { openFileSource } from './file-source.ts'
import { OrderedRecords } from './ordered-records.ts'
import { type ByteStream, readPipeHead } from './stream-source.ts'
import { Unpacker } from './unpacker.ts'

export interface RecordingInput {
  readonly file: PerfDataFile
  /** The data, once. */
  readonly pieces: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /** Safe twice. */
  readonly close: () => void
}

/** @throws AgentError where the file cannot be read at all */
export function openFileInput(path: string): RecordingInput {
  const source = openFileSource(path)
  try {
    const file = openPerfData(source)
    return { file, pieces: () => piecesOf(file), close: () => source.close() }
  } catch (error) {
    source.close()
    throw error
  }
}

/**
 * A pipe, read as it comes.
 * @throws AgentError where it cannot be read at all
 */
export async function openStreamInput(stream: ByteStream): Promise<RecordingInput> {
  try {
    const { file, pieces } = await readPipeHead(stream)
    return { file, pieces: () => pieces, close: () => stream.close() }
  } catch (error) {
    stream.close()
    throw error
  }
}

/** Samples as perf counts them, and all else, in order of time as far as the recording keeps it. */
export async function* orderedRecords(
  input: RecordingInput,
  { problem, signal }: ReadOptions & { readonly signal?: AbortSignal | undefined },
): AsyncGenerator<readonly TimedRecord[]> {
  let ready: TimedRecord[] = []
  const deferred = new DeferredChains()
  const counters = new CounterValues(input.file.events)
  const ordered = new OrderedRecords((record) => {
    if (record.kind !== 'sample' || record.fields.readValues === undefined) ready.push(record)
    else ready.push(...counters.samplesOf(record))
  })
  for await (const records of unpackedRecords(input, problem)) {
    signal?.throwIfAborted()
    for (const record of records) {
      if (record.kind === 'round') ordered.round()
      else if (record.kind === 'deferred') deferred.chain(record)
      else {
        if (record.kind === 'sample') deferred.sample(record)
        ordered.push(record)
      }
    }
    if (ready.length === 0) continue
    yield ready
    ready = []
  }
  ordered.end()
  yield ready
  if (deferred.missing > 0)
    problem(`${deferred.missing} samples lack their user stack: its record was lost`, 'remark')
  if (counters.strangers > 0) {
    problem(
      `${counters.strangers} counter values of events that the file does not describe were left out`,
      'damage',
    )
  }
}

/** All records as they stand in the file, in stretches that are run to their end before the next one. */
async function* unpackedRecords(
  { file, pieces }: RecordingInput,
  problem: ReadOptions['problem'],
): AsyncGenerator<Iterable<FileRecord>> {
  const unpacker = new Unpacker()
  const reader = new RecordReader(file, { problem })
  try {
    for await (const piece of pieces()) {
      const records = reader.records(piece)
      for (let part = beforePacked(records); ; part = beforePacked(records)) {
        yield part.before
        const { packed } = part
        if (packed === undefined) break
        const bytes = await unpacker.unpack(packed.bytes).catch((error: unknown) => {
          reader.breakOff(`the compressed record at byte ${packed.at} is damaged: ${messageOf(error)}`)
        })
        if (bytes === undefined) break
        yield reader.unpacked(bytes, packed)
      }
      if (reader.isBroken) break
    }
    reader.end()
  } finally {
    unpacker.close()
  }
}

/** What stands before the next compressed record, and that. */
function beforePacked(records: Iterator<FileRecord | PackedRecord>): {
  readonly before: readonly FileRecord[]
  readonly packed: PackedRecord | undefined
} {
  const before: FileRecord[] = []
  for (let next = records.next(); next.done !== true; next = records.next()) {
    if (next.value.kind === 'packed') return { before, packed: next.value }
    before.push(next.value)
  }
  return { before, packed: undefined }
}
