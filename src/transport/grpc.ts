// Payloads over gRPC: one unary call for each. Our own client over node:http2 (docs/decisions/0014).

import type { Delivery, Payload, Transport } from '../core/delivery.ts'
import { AgentError } from '../core/errors.ts'
import { type Milliseconds, milliseconds } from '../core/units.ts'
import { Deadline, TimeOver } from './deadline.ts'
import { Endpoint, type EndpointOptions } from './endpoint.ts'
import { type CallEnd, exchangeOver } from './grpc-exchange.ts'
import { messageIn, prefixOf } from './grpc-message.ts'
import { type GrpcSession, openSession, type PingOptions } from './grpc-session.ts'
import { first, grpcStatus, isGrpc, plainAnswer } from './grpc-status.ts'
import type { Headers } from './headers.ts'
import { type GrpcJudge, MAX_ANSWER_BYTES, notReached, notTaken, perhapsTaken, refused } from './response.ts'
import type { Secrets } from './secrets.ts'
import { inWords, isTlsRefusal, outOfTime } from './trouble.ts'

export const PROFILES_EXPORT = '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export'

export interface GrpcTransportOptions extends EndpointOptions {
  /** What an answer means. */
  readonly judge: GrpcJudge
  /** 20 s and 5 s without a word. */
  readonly ping?: PingOptions | undefined
}

const PING: PingOptions = { everyMs: milliseconds(20_000), withinMs: milliseconds(5000) }
/** A call that the other side certainly left alone is made again at once, on a new session, once. */
const CALLS = 2

/** @throws AgentError for options that cannot work: TRANSPORT.URL, .HEADER, .PROXY, .TLS_FILE */
export const grpcTransport = (options: GrpcTransportOptions): Transport => new GrpcTransport(options)

class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions
  readonly #endpoint: Endpoint
  #session: GrpcSession | undefined
  #closed = false

  constructor(options: GrpcTransportOptions) {
    this.#options = options
    this.#endpoint = new Endpoint(options, 'HTTP/2')
  }

  get target(): string {
    return this.#endpoint.target
  }

  async send(payload: Payload, signal: AbortSignal): Promise<Delivery> {
    signal.throwIfAborted()
    if (this.#closed) return notReached('the connection to the endpoint was closed by Sonde itself')
    if (payload.encoding === 'zstd') {
      return refused('it is compressed with zstd, which gRPC does not know: use gzip, or OTLP over HTTP')
    }
    const deadline = new Deadline(this.#endpoint.limit, signal)
    try {
      return await this.#call(payload, deadline.signal)
    } catch (error) {
      signal.throwIfAborted()
      return notReached(this.#failureInWords(error, 'nothing'))
    } finally {
      deadline.release()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#session?.destroy()
  }

  /** Rejects where there is no session to call over. */
  async #call(payload: Payload, signal: AbortSignal): Promise<Delivery> {
    for (let left = CALLS - 1; ; left--) {
      const { headers, secrets } = await this.#endpoint.headers(signal)
      const session = await this.#openSession(signal)
      const call = {
        headers: this.#headersOf(payload, headers),
        prefix: prefixOf(payload),
        body: payload.body,
      }
      const end = await exchangeOver(session, call, signal)
      const answer = this.#answerOf(end, secrets)
      if (answer !== undefined) return answer
      if (end.failure instanceof TimeOver) session.doubt()
      else if (signal.aborted) throw signal.reason
      else if (end.leftOut && left > 0) {
        this.#session = undefined
        session.leave()
        continue
      }
      return this.#withoutAnswer(end, session)
    }
  }

  async #openSession(signal: AbortSignal): Promise<GrpcSession> {
    await this.#session?.makeSure()
    signal.throwIfAborted()
    if (this.#session?.isOpen !== true) {
      const { dialer, limit } = this.#endpoint
      const watch = { ...(this.#options.ping ?? PING), clock: limit.clock }
      this.#session = await openSession(dialer, watch, signal)
    }
    if (this.#closed) this.#session.destroy()
    return this.#session
  }

  #headersOf(payload: Payload, endpoint: Headers): Headers {
    return {
      'user-agent': this.#options.userAgent,
      ...payload.headers,
      ...endpoint,
      ':method': 'POST',
      ':scheme': this.#endpoint.url.protocol.slice(0, -1),
      ':authority': this.#endpoint.authority,
      ':path': PROFILES_EXPORT,
      te: 'trailers',
      'content-type': 'application/grpc',
      'grpc-timeout': timeoutHeader(this.#options.timeoutMs),
      'grpc-accept-encoding': 'identity,gzip',
      ...(payload.encoding === 'gzip' ? { 'grpc-encoding': 'gzip' } : {}),
    }
  }

  /** Undefined where none came, or not enough of one. */
  #answerOf({ headers, trailers, body, failure }: CallEnd, secrets: Secrets): Delivery | undefined {
    if (headers === undefined) return undefined
    const status = (trailers && grpcStatus(trailers)) ?? grpcStatus(headers)
    if (status !== undefined) {
      const message = secrets.inText(status.message)
      const encoding = first(headers, 'grpc-encoding') ?? 'identity'
      const answer = messageIn(body, encoding)
      return this.#options.judge({ ...status, message, body: answer && secrets.inBytes(answer) })
    }
    const httpStatus = Number(headers[':status'])
    const isLost = isGrpc(headers) || failure !== undefined
    if (httpStatus < 300 && isLost) return undefined
    const shown = secrets.inBytes(body.subarray(0, MAX_ANSWER_BYTES))
    return plainAnswer({ status: httpStatus, headers, body: shown }, Date.now())
  }

  #withoutAnswer({ written, leftOut, failure }: CallEnd, session: GrpcSession): Delivery {
    const { peer } = this.#endpoint.dialer
    if (leftOut) {
      return notReached(
        session.ending?.message ?? `${peer.name} left the request undone: it stops, or has too much to do`,
      )
    }
    const reason = this.#failureInWords(
      failure instanceof TimeOver ? failure : (session.ending ?? failure),
      written ? 'written' : 'connected',
    )
    if (isTlsRefusal(failure)) return notReached(reason)
    return written ? perhapsTaken(reason) : notTaken(reason)
  }

  #failureInWords(failure: unknown, reached: 'nothing' | 'connected' | 'written'): string {
    const { peer } = this.#endpoint.dialer
    if (failure instanceof TimeOver) return outOfTime(peer, reached, this.#options.timeoutMs)
    if (failure instanceof AgentError) return failure.message
    return failure === undefined
      ? `${peer.name} ended its answer without a gRPC status`
      : inWords(failure, peer)
  }
}

/** At most eight digits and a unit. */
const timeoutHeader = (ms: Milliseconds): string =>
  ms < 1e8 ? `${Math.max(1, Math.ceil(ms))}m` : `${Math.min(99_999_999, Math.ceil(ms / 1000))}S`
