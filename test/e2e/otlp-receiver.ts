// A thread that takes OTLP profiles over HTTP, also while the test waits for kubectl or perf, and hands on what it took.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import type { ReceivedRequest } from '../support/intake.ts'

export type Taken = Pick<ReceivedRequest, 'body' | 'headers'>
export type Message = { readonly port: number } | { readonly taken: Taken }

const tell = (message: Message): void => parentPort?.postMessage(message)

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { 'content-encoding': encoding } = request.headers
    tell({ taken: { headers: { 'content-encoding': encoding }, body: Buffer.concat(chunks) } })
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
})
server.listen(0, String(workerData), () => tell({ port: (server.address() as AddressInfo).port }))
