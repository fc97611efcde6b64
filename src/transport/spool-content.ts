// What is in a file of the spool:
//
//   offset  bytes
//        0      8  "SONDESP1": what it is, and the version of this layout
//        8      4  length of the header
//       12      4  length of the body
//       16      4  CRC-32 of the body
//       20      4  CRC-32 of everything before it and of the header
//       24         the header (JSON), then the body
//
// Numbers are little-endian. A file may end anywhere after a power failure, and disks lie: nothing is believed unchecked.

import { crc32 } from 'node:zlib'
import { CONTENT_ENCODINGS, type ContentEncoding, type Payload } from '../core/delivery.ts'

const MAGIC = Buffer.from('SONDESP1')
const HEAD_CRC_AT = 20
const PREFIX_BYTES = 24
/** Of a header: content type, container, format. */
const MAX_HEADER_BYTES = 65_536

/** The least and the most that a file with a body of this size can have. */
export const plausibleFileBytes = (bodyBytes: number): { readonly min: number; readonly max: number } => ({
  min: PREFIX_BYTES + bodyBytes,
  max: PREFIX_BYTES + MAX_HEADER_BYTES + bodyBytes,
})

/**
 * All of the file but the body, which follows it.
 * @throws RangeError where the payload's own headers are longer than a header of a file may be
 */
export function spoolHead(payload: Payload, created: Date): Buffer {
  const { body, format, encoding, headers, samples, profiles } = payload
  const fields = { format, encoding, headers, samples, profiles, created: created.toISOString() }
  const header = Buffer.from(JSON.stringify(fields))
  if (header.length > MAX_HEADER_BYTES)
    throw new RangeError(`the payload's headers have ${header.length} bytes`)
  const prefix = Buffer.alloc(PREFIX_BYTES)
  MAGIC.copy(prefix)
  prefix.writeUInt32LE(header.length, 8)
  prefix.writeUInt32LE(body.length, 12)
  prefix.writeUInt32LE(crc32(body), 16)
  prefix.writeUInt32LE(headCrc(prefix, header), HEAD_CRC_AT)
  return Buffer.concat([prefix, header])
}

/** The payload in a file's bytes; undefined where anything of it is damaged. */
export function parseSpoolFile(bytes: Buffer): Payload | undefined {
  if (bytes.length < PREFIX_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  const bodyAt = PREFIX_BYTES + bytes.readUInt32LE(8)
  if (bytes.length !== bodyAt + bytes.readUInt32LE(12)) return undefined
  const header = bytes.subarray(PREFIX_BYTES, bodyAt)
  if (headCrc(bytes, header) !== bytes.readUInt32LE(HEAD_CRC_AT)) return undefined
  const body = bytes.subarray(bodyAt)
  if (crc32(body) !== bytes.readUInt32LE(16)) return undefined
  return payloadOf(header, body)
}

const headCrc = (prefix: Buffer, header: Buffer): number =>
  crc32(header, crc32(prefix.subarray(0, HEAD_CRC_AT)))

function payloadOf(header: Buffer, body: Buffer): Payload | undefined {
  const fields = jsonOf(header.toString())
  if (typeof fields !== 'object' || fields === null) return undefined
  const { format, encoding, headers, samples, profiles } = fields as Record<string, unknown>
  if (typeof format !== 'string' || !isEncoding(encoding) || !isHeaders(headers)) return undefined
  if (!isCount(samples) || !isCount(profiles)) return undefined
  return { body, format, encoding, headers, samples, profiles }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isEncoding = (value: unknown): value is ContentEncoding =>
  CONTENT_ENCODINGS.some((encoding) => encoding === value)

const isHeaders = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((one) => typeof one === 'string')

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
