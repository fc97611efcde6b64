// Messages of gRPC as they stand in a request and an answer: a flag, the length, the message.

import { gunzipSync } from 'node:zlib'
import type { Payload } from '../core/delivery.ts'
import { MAX_ANSWER_BYTES } from './response.ts'

const PREFIX_BYTES = 5
const COMPRESSED = 1

/** The five bytes before a payload's body: whether it is compressed, and its length in big-endian order. */
export function prefixOf({ encoding, body }: Payload): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix[0] = encoding === 'identity' ? 0 : COMPRESSED
  prefix.writeUInt32BE(body.length, 1)
  return prefix
}

/** The message of an answer, decompressed; undefined where it is not whole, or not one, or larger than is read. */
export function messageIn(answer: Buffer, encoding: string): Buffer | undefined {
  if (answer.length < PREFIX_BYTES) return undefined
  const message = answer.subarray(PREFIX_BYTES)
  if (answer.readUInt32BE(1) !== message.length) return undefined
  if (answer[0] === 0) return message
  if (answer[0] !== COMPRESSED || encoding !== 'gzip') return undefined
  try {
    return gunzipSync(message, { maxOutputLength: MAX_ANSWER_BYTES })
  } catch {
    return undefined
  }
}
