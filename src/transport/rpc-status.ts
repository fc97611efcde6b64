// google.rpc.Status, what OTLP servers and gRPC say of a failure: {code 1, message 2, details 3 (google.protobuf.Any)}.

import protobuf from 'protobufjs/minimal.js'
import { type Milliseconds, milliseconds } from '../core/units.ts'

const RETRY_INFO = 'google.rpc.RetryInfo'
/** Of them one is looked for. */
const MAX_DETAILS = 100

export interface RpcStatus {
  readonly code: number
  readonly message: string
  /** google.rpc.RetryInfo among the details; undefined: there is none. */
  readonly retryAfter: Milliseconds | undefined
}

/** Undefined for bytes that are no such message. */
export function parseRpcStatus(bytes: Uint8Array): RpcStatus | undefined {
  const found = { code: 0, message: '', retryAfter: undefined as Milliseconds | undefined }
  let details = 0
  const whole = eachField(bytes, (field, reader) => {
    if (field === VARINT(1)) found.code = reader.int32()
    else if (field === BYTES(2)) found.message = textOf(reader.bytes())
    else if (field === BYTES(3) && details++ < MAX_DETAILS) {
      found.retryAfter ??= retryDelay(reader.bytes())
    } else return false
    return true
  })
  return whole ? found : undefined
}

/** Of an Any {type_url 1, value 2} that is a RetryInfo {retry_delay 1}. */
function retryDelay(any: Uint8Array): Milliseconds | undefined {
  let type = ''
  let value: Uint8Array = new Uint8Array(0)
  eachField(any, (field, reader) => {
    if (field === BYTES(1)) type = reader.string()
    else if (field === BYTES(2)) value = reader.bytes()
    else return false
    return true
  })
  if (type.slice(type.lastIndexOf('/') + 1) !== RETRY_INFO) return undefined
  let delay: Milliseconds | undefined
  const whole = eachField(value, (field, reader) => {
    if (field !== BYTES(1)) return false
    delay = durationOf(reader.bytes())
    return true
  })
  return whole ? (delay ?? milliseconds(0)) : undefined
}

/** google.protobuf.Duration {seconds 1, nanos 2}; never negative. */
function durationOf(bytes: Uint8Array): Milliseconds {
  let ms = 0
  eachField(bytes, (field, reader) => {
    if (field === VARINT(1)) ms += Number(reader.int64()) * 1000
    else if (field === VARINT(2)) ms += reader.int32() / 1e6
    else return false
    return true
  })
  return milliseconds(Math.max(0, Math.ceil(ms)))
}

/** Tags: field number and wire type. */
export const VARINT = (field: number): number => field << 3
export const BYTES = (field: number): number => (field << 3) | 2

/**
 * Visits the fields of a message by their tags; those that `visit` leaves (false) are skipped. False where the bytes are
 * no protobuf message.
 */
export function eachField(
  bytes: Uint8Array,
  visit: (tag: number, reader: protobuf.Reader) => boolean,
): boolean {
  const reader = protobuf.Reader.create(bytes)
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32()
      if (tag >>> 3 === 0) return false
      if (!visit(tag, reader)) reader.skipType(tag & 7)
    }
    return reader.pos === reader.len
  } catch {
    return false
  }
}

export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')
