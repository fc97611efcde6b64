// What an endpoint answered, and the deliveries that are made of it.

import type { IncomingHttpHeaders } from 'node:http'
import type { Delivery } from '../core/delivery.ts'
import type { Milliseconds } from '../core/units.ts'

/** Bytes of an answer that are read; endpoints answer with a few dozen. */
export const MAX_ANSWER_BYTES = 64 * 1024

export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** At most MAX_ANSWER_BYTES; what follows was thrown away. */
  readonly body: Uint8Array
}

/** What an HTTP answer means; one for each protocol. */
export type HttpJudge = (response: HttpResponse) => Delivery

export interface GrpcResponse {
  /** google.rpc.Code. */
  readonly code: number
  /** Decoded; '' where none came. */
  readonly message: string
  /** What google.rpc.RetryInfo says; undefined: there was none. */
  readonly retryAfter: Milliseconds | undefined
  /** The one message of the answer, decompressed; undefined where none came, or more than MAX_ANSWER_BYTES. */
  readonly body: Uint8Array | undefined
}

export type GrpcJudge = (response: GrpcResponse) => Delivery

/** It will be refused every time. */
export const refused = (reason: string): Delivery => ({ outcome: 'refused', reason })

/** There was no way to the endpoint. */
export const notReached = (reason: string): Delivery => ({
  outcome: 'retry',
  after: undefined,
  reason,
  perhapsTaken: false,
  reached: false,
})

/** The endpoint said that it did not take it, or it was not handed over entirely. */
export const notTaken = (reason: string, after?: Milliseconds): Delivery => ({
  outcome: 'retry',
  after,
  reason,
  perhapsTaken: false,
  reached: true,
})

/** Nobody knows whether it was taken. */
export const perhapsTaken = (reason: string, after?: Milliseconds): Delivery => ({
  outcome: 'retry',
  after,
  reason,
  perhapsTaken: true,
  reached: true,
})
