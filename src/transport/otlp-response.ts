// What an OTLP server means by its answer to profiles, over HTTP and gRPC: opentelemetry-proto, docs/specification.md,
// "OTLP/HTTP Response" and "OTLP/gRPC Response".

import type { Delivery } from '../core/delivery.ts'
import { type GrpcResponse, type HttpResponse, notTaken, perhapsTaken, refused } from './response.ts'
import { retryAfter } from './retry-after.ts'
import { BYTES, eachField, parseRpcStatus, textOf, VARINT } from './rpc-status.ts'
import { oneLine, saying } from './words.ts'

const PROTOBUF_TYPES = ['application/x-protobuf', 'application/protobuf']
/** Of an answer that is no OTLP. */
const SHOWN_BYTES = 60

/** With what some backends answer to a failure that passes, where OTLP has it be final. */
export type PassingFailure = 500 | 'UNKNOWN'

export interface OtlpJudgement {
  /** Are tried again, beyond what OTLP says. */
  readonly retriesToo?: readonly PassingFailure[]
  /** Milliseconds since 1970, for a Retry-After that is a date. */
  readonly now?: () => number
}

export function otlpHttpResponse(
  response: HttpResponse,
  { retriesToo = [], now = Date.now }: OtlpJudgement = {},
): Delivery {
  const { status, headers } = response
  if (status >= 200 && status < 300) return acceptedBy(response)
  const reason = `answered ${status}${saying(errorMessage(response))}`
  switch (status) {
    case 429:
    case 503:
      return notTaken(reason, retryAfter(headers['retry-after'], now()))
    case 502:
    case 504:
      // Whoever stands between gave up on a server that may have it.
      return perhapsTaken(reason, retryAfter(headers['retry-after'], now()))
    case 500:
      // It may have failed behind the place where it keeps profiles.
      return retriesToo.includes(500)
        ? perhapsTaken(reason, retryAfter(headers['retry-after'], now()))
        : refused(reason)
    default:
      return refused(reason)
  }
}

function acceptedBy(response: HttpResponse): Delivery {
  const type = mediaType(response)
  const accepted = PROTOBUF_TYPES.includes(type) ? parseExportResponse(response.body) : undefined
  if (accepted !== undefined) return accepted
  const shown = oneLine(response.body.subarray(0, SHOWN_BYTES))
  const what = response.body.length === 0 ? 'an empty body' : `'${shown}${more(response.body)}'`
  const as = type === '' ? 'no content type' : oneLine(type)
  return refused(
    `answered ${response.status} with ${as} (${what}), which is no OTLP response (is this an OTLP endpoint?)`,
  )
}

const more = (body: Uint8Array): string => (body.length > SHOWN_BYTES ? '…' : '')

function errorMessage(response: HttpResponse): string | Uint8Array {
  if (!PROTOBUF_TYPES.includes(mediaType(response))) return response.body
  return parseRpcStatus(response.body)?.message ?? response.body
}

const mediaType = ({ headers }: HttpResponse): string =>
  (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()

/** google.rpc.Code, by number. */
const GRPC_CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

export function otlpGrpcResponse(
  { code, message, retryAfter: after, body }: GrpcResponse,
  { retriesToo = [] }: OtlpJudgement = {},
): Delivery {
  const name = GRPC_CODES[code]
  const reason = `answered ${name ?? `gRPC status ${code}`}${saying(message)}`
  switch (name ?? 'UNKNOWN') {
    case 'OK':
      return (
        (body && parseExportResponse(body)) ??
        refused('answered OK with what is no OTLP response (is this an OTLP endpoint?)')
      )
    case 'CANCELLED':
    case 'DEADLINE_EXCEEDED':
      // It stopped waiting for its own work, which may have been done all the same.
      return perhapsTaken(reason, after)
    case 'ABORTED':
    case 'OUT_OF_RANGE':
    case 'UNAVAILABLE':
    case 'DATA_LOSS':
      return notTaken(reason, after)
    case 'RESOURCE_EXHAUSTED':
      // Without RetryInfo it says that the message is too large, or that it never recovers.
      return after === undefined ? refused(reason) : notTaken(reason, after)
    case 'UNKNOWN':
      return retriesToo.includes('UNKNOWN') ? perhapsTaken(reason, after) : refused(reason)
    case 'INVALID_ARGUMENT':
    case 'NOT_FOUND':
    case 'ALREADY_EXISTS':
    case 'PERMISSION_DENIED':
    case 'FAILED_PRECONDITION':
    case 'UNIMPLEMENTED':
    case 'INTERNAL':
    case 'UNAUTHENTICATED':
      return refused(reason)
  }
}

/** ExportProfilesServiceResponse {partial_success 1}; undefined for bytes that are none. */
function parseExportResponse(bytes: Uint8Array): Delivery | undefined {
  let parsed: Delivery | undefined = { outcome: 'accepted', rejectedProfiles: 0, message: '' }
  const whole = eachField(bytes, (tag, reader) => {
    if (tag !== BYTES(1)) return false
    parsed = parsePartialSuccess(reader.bytes())
    return true
  })
  return whole ? parsed : undefined
}

/** {rejected_profiles 1 int64, error_message 2}; a message without rejected profiles is a warning. */
function parsePartialSuccess(bytes: Uint8Array): Delivery | undefined {
  let rejectedProfiles = 0
  let message = ''
  const whole = eachField(bytes, (tag, reader) => {
    if (tag === VARINT(1)) rejectedProfiles = Math.max(0, Number(reader.int64()))
    else if (tag === BYTES(2)) message = textOf(reader.bytes())
    else return false
    return true
  })
  return whole ? { outcome: 'accepted', rejectedProfiles, message: oneLine(message) } : undefined
}
