// One unary call of gRPC and its answer.

import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'
import type { GrpcSession } from './grpc-session.ts'
import type { Headers } from './headers.ts'
import { MAX_ANSWER_BYTES } from './response.ts'

export interface Call {
  readonly headers: Headers
  readonly prefix: Uint8Array
  readonly body: Uint8Array
}

/** All that came until the stream ended. */
export interface CallEnd {
  readonly headers: IncomingHttpHeaders | undefined
  readonly trailers: IncomingHttpHeaders | undefined
  readonly body: Buffer
  /** What ended it, where it did not end as it should. */
  readonly failure: unknown
  /** Whether the request was handed to the system entirely. */
  readonly written: boolean
  /** The other side said that it did nothing with it, or it never began. */
  readonly leftOut: boolean
}

/** Never rejects; when `signal` aborts, its reason is the failure. */
export async function exchangeOver(session: GrpcSession, call: Call, signal: AbortSignal): Promise<CallEnd> {
  const stream = begin(session, call)
  if (!(stream instanceof Error)) {
    const unwatch = session.watch()
    try {
      return await endOf(stream, session, signal)
    } finally {
      unwatch()
    }
  }
  const nothing = { headers: undefined, trailers: undefined, body: Buffer.alloc(0) }
  return { ...nothing, failure: stream, written: false, leftOut: true }
}

/** A session that ends at this moment takes no more. */
function begin(session: GrpcSession, { headers, prefix, body }: Call): ClientHttp2Stream | Error {
  try {
    const stream = session.http2.request({ ...headers }, { endStream: false })
    stream.on('error', () => undefined)
    stream.write(prefix)
    stream.end(body)
    return stream
  } catch (error) {
    return error as Error
  }
}

function endOf(stream: ClientHttp2Stream, session: GrpcSession, signal: AbortSignal): Promise<CallEnd> {
  return new Promise((resolve) => {
    let headers: IncomingHttpHeaders | undefined
    let trailers: IncomingHttpHeaders | undefined
    let failure: unknown
    const body = new BoundedBody()
    const heard = (): void => session.heard()
    stream.on('response', (came) => {
      heard()
      headers = came
    })
    stream.on('trailers', (came) => (trailers = came))
    stream.on('data', (chunk: Buffer) => {
      heard()
      body.add(chunk)
    })
    stream.on('error', (error) => (failure ??= error))
    const abort = (): void => {
      failure ??= signal.reason
      stream.close(constants.NGHTTP2_CANCEL)
      settle()
    }
    const settle = (): void => {
      signal.removeEventListener('abort', abort)
      const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM
      const leftOut = refused || session.leftOut(stream.id)
      resolve({ headers, trailers, body: body.bytes, failure, written: stream.writableFinished, leftOut })
    }
    stream.on('close', settle)
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
  })
}

/** What comes after MAX_ANSWER_BYTES is thrown away; what is kept does not look whole then. */
class BoundedBody {
  readonly #chunks: Buffer[] = []
  #length = 0

  add(chunk: Buffer): void {
    if (this.#length > MAX_ANSWER_BYTES) return
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }
}
