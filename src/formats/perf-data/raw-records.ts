// The chain of records in bytes that come in pieces of any size: where each begins and ends, and nothing of what it says.

import type { ByteOrder } from './bytes.ts'
import { aligned8, RECORD, RECORD_HEADER_BYTES, recordName } from './layout.ts'

export interface RawRecord {
  readonly type: number
  readonly misc: number
  /** Valid until the next piece is taken. */
  readonly body: Uint8Array
  /** Where it begins, for messages. */
  readonly at: number
}

const NOTHING: Uint8Array = new Uint8Array(0)

/** Cuts pieces into records. Keeps less than one record, and steps over the data that stand behind some. */
export class RecordCutter {
  readonly #little: boolean
  /** What the last piece began. */
  #rest = NOTHING
  /** Where `#rest` begins. */
  #at: number
  /** Data behind a record that are still to come. */
  #skip = 0
  #broken: string | undefined

  constructor(order: ByteOrder, at: number) {
    this.#little = order === 'little'
    this.#at = at
  }

  /** Why nothing more can be read; undefined as long as it can. */
  get broken(): string | undefined {
    return this.#broken
  }

  /** The records that end in `piece`. To be run to its end before the next piece. */
  *records(piece: Uint8Array): Generator<RawRecord> {
    const bytes = this.#rest.length === 0 ? piece : concatenated(this.#rest, piece)
    const start = this.#at
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let used = this.#skipped(0, bytes.length)
    while (this.#broken === undefined && used + RECORD_HEADER_BYTES <= bytes.length) {
      const type = view.getUint32(used, this.#little)
      const size = view.getUint16(used + 6, this.#little)
      if (size < RECORD_HEADER_BYTES) {
        this.#broken = `the record at byte ${start + used} is damaged: its type is ${typeText(type)} and its size ${size}`
        break
      }
      if (used + size > bytes.length) break
      const body = bytes.subarray(used + RECORD_HEADER_BYTES, used + size)
      yield { type, misc: view.getUint16(used + 4, this.#little), body, at: start + used }
      this.#skip = dataBehind(type, body, this.#little)
      used = this.#skipped(used + size, bytes.length)
    }
    this.#at = start + used
    // A copy: the piece may be taken for something else.
    this.#rest = this.#broken === undefined ? bytes.slice(used) : NOTHING
  }

  #skipped(used: number, length: number): number {
    const now = Math.min(this.#skip, length - used)
    this.#skip -= now
    return used + now
  }

  /** What is missing where no more pieces come; undefined where nothing is. */
  end(): string | undefined {
    if (this.#skip > 0) return `it is cut off within the data of a record: ${this.#skip} bytes are missing`
    const { length } = this.#rest
    if (length === 0) return undefined
    const view = new DataView(this.#rest.buffer, this.#rest.byteOffset, length)
    const type = length >= RECORD_HEADER_BYTES ? `, ${typeText(view.getUint32(0, this.#little))},` : ''
    return `the last record is cut off: the one at byte ${this.#at}${type} has only ${length} bytes`
  }
}

/** `9 (SAMPLE)` */
export const typeText = (type: number): string => `${type} (${recordName(type) ?? 'unknown'})`

/** Bytes of the data that stand behind a record, and not in it. */
function dataBehind(type: number, body: Uint8Array, little: boolean): number {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  if (type === RECORD.HEADER_TRACING_DATA && body.length >= 4) return aligned8(view.getUint32(0, little))
  if (type === RECORD.AUXTRACE && body.length >= 8) return Number(view.getBigUint64(0, little))
  return 0
}

function concatenated(a: Uint8Array, b: Uint8Array): Uint8Array {
  const result = new Uint8Array(a.length + b.length)
  result.set(a)
  result.set(b, a.length)
  return result
}
