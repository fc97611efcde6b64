// How an answer of gRPC ended: the trailers, or the headers where there is nothing else (grpc: PROTOCOL-HTTP2.md).

import type { IncomingHttpHeaders } from 'node:http2'
import type { Delivery } from '../core/delivery.ts'
import { type HttpResponse, notTaken, perhapsTaken, refused } from './response.ts'
import { retryAfter } from './retry-after.ts'
import { parseRpcStatus, type RpcStatus } from './rpc-status.ts'
import { oneLine, saying } from './words.ts'

/** Undefined where these headers say nothing of it. */
export function grpcStatus(headers: IncomingHttpHeaders): RpcStatus | undefined {
  const code = first(headers, 'grpc-status')
  if (code === undefined || !/^\d{1,3}$/.test(code)) return undefined
  const details = parseRpcStatus(Buffer.from(first(headers, 'grpc-status-details-bin') ?? '', 'base64'))
  return {
    code: Number(code),
    message: percentDecoded(first(headers, 'grpc-message') ?? ''),
    retryAfter: details?.retryAfter,
  }
}

export function first(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** What is not encoded as it should be stays as it is. */
function percentDecoded(text: string): string {
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  const decoded = bytes.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(decoded, 'latin1').toString('utf8')
}

/** Whether the answer is one of gRPC at all. */
export function isGrpc(headers: IncomingHttpHeaders): boolean {
  return /^application\/grpc(?:$|[+;])/.test((headers['content-type'] ?? '').trim().toLowerCase())
}

/**
 * What an answer without gRPC means, mostly of somebody who stands between: grpc: http-grpc-status-mapping.md makes
 * 429, 502, 503 and 504 UNAVAILABLE, and all else what is not tried again.
 */
export function plainAnswer({ status, headers, body }: HttpResponse, now: number): Delivery {
  const type = oneLine(headers['content-type'] ?? '') || 'no content type'
  const reason = `answered HTTP ${status} with ${type}, which is no gRPC${saying(body)}`
  switch (status) {
    case 429:
    case 503:
      return notTaken(reason, retryAfter(headers['retry-after'], now))
    case 502:
    case 504:
      // It gave up on a server that may have it.
      return perhapsTaken(reason, retryAfter(headers['retry-after'], now))
    default:
      return refused(`${reason}: is this an endpoint for OTLP over gRPC?`)
  }
}
