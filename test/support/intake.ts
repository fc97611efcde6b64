// A far side that keeps what it gets, and answers as the test says.

import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { endingWith, httpServer } from './endpoints.ts'

export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Names and values as they came. */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

export interface Intake {
  /** In order of their ends. */
  readonly requests: readonly ReceivedRequest[]
  /** Without a path. */
  readonly url: string
  /** Resolves when so many requests have come. */
  received(count: number): Promise<void>
}

/** Answers the request of this number, from 0; it takes everything where nothing is said. */
export type Answer = (response: ServerResponse, number: number, request: ReceivedRequest) => void

const TAKE: Answer = (response) => void response.writeHead(202).end()

export async function intake(t: TestContext, answer: Answer = TAKE): Promise<Intake> {
  const { listener, ...rest } = keeper(answer)
  return { ...rest, url: await httpServer(t, listener) }
}

/** On a Unix socket. */
export async function intakeAt(t: TestContext, socketPath: string, answer: Answer = TAKE): Promise<Intake> {
  const { listener, ...rest } = keeper(answer)
  const server = createServer(listener)
  endingWith(t, server)
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  return { ...rest, url: `unix://${socketPath}` }
}

function keeper(answer: Answer): Omit<Intake, 'url'> & { readonly listener: RequestListener } {
  const requests: ReceivedRequest[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url: path = '', headers, rawHeaders } = request
      const received = { method, path, headers, rawHeaders, body: Buffer.concat(chunks) }
      const number = requests.push(received) - 1
      answer(response, number, received)
      for (const { count, resolve } of waiting) if (requests.length >= count) resolve()
    })
  }
  const received = (count: number): Promise<void> =>
    new Promise((resolve) => {
      if (requests.length >= count) resolve()
      else waiting.push({ count, resolve })
    })
  return { requests, listener, received }
}
