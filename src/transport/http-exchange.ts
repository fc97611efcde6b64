// One request of HTTP/1.1 and its answer.

import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Headers } from './headers.ts'
import { type HttpResponse, MAX_ANSWER_BYTES } from './response.ts'

export interface WholeRequest {
  readonly agent: Agent
  /** Or the whole URL, for a proxy. */
  readonly path: string
  readonly headers: Headers
  readonly body: Uint8Array
}

export interface Exchange {
  /** Undefined where none came, or not enough of one. */
  readonly response: HttpResponse | undefined
  /** Why there is no response. */
  readonly failure: unknown
  readonly connected: boolean
  /** Whether the request was handed to the system entirely. */
  readonly written: boolean
}

/** POSTs it. Never rejects; when `signal` aborts, its reason is the failure. */
export function exchange(
  { agent, path, headers, body }: WholeRequest,
  signal: AbortSignal,
): Promise<Exchange> {
  const request = httpRequest({ agent, method: 'POST', path, headers: { ...headers } })
  let connected = false
  return new Promise((resolve) => {
    const settle = (response: HttpResponse | undefined, failure?: unknown): void => {
      signal.removeEventListener('abort', abort)
      resolve({ response, failure, connected, written: request.writableFinished })
      // A connection on which something is still to come is of no further use.
      if (!(request.writableFinished && answer?.complete)) discard(request)
    }
    const abort = (): void => settle(undefined, signal.reason)
    let answer: IncomingMessage | undefined
    request.on('socket', () => (connected = true))
    request.on('error', (error) => {
      // An answer that came before the whole request was taken counts.
      if (answer === undefined) settle(undefined, error)
    })
    request.on('response', (message) => {
      answer = message
      read(message, settle)
    })
    signal.addEventListener('abort', abort)
    if (signal.aborted) return abort()
    request.end(body)
  })
}

function discard(request: ClientRequest): void {
  request.on('error', () => undefined)
  request.destroy()
}

function read(message: IncomingMessage, settle: (response?: HttpResponse, failure?: unknown) => void): void {
  const chunks: Buffer[] = []
  let length = 0
  const response = (): HttpResponse => ({
    status: message.statusCode ?? 0,
    headers: message.headers,
    body: Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES),
  })
  message.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    length += chunk.length
    if (length > MAX_ANSWER_BYTES) settle(response())
  })
  message.on('end', () => settle(response()))
  message.on('error', (error) => {
    // A status that says no says so without the rest of its words, too.
    const isSuccess = (message.statusCode ?? 0) < 300
    settle(isSuccess ? undefined : response(), error)
  })
}
