// A server that takes every request and keeps the bytes, as they came over the wire.

import { createServer } from 'node:http'
import type { TestContext } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { listening } from '../support/endpoints.ts'

export interface Taken {
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Decompressed. */
  readonly body: Buffer
}

export interface Sink {
  readonly url: string
  readonly taken: readonly Taken[]
}

export async function startSink(t: TestContext): Promise<Sink> {
  const taken: Taken[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = decompressed(Buffer.concat(chunks), request.headers['content-encoding'])
      taken.push({ path: request.url ?? '', headers: request.headers, body })
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  return { url: `http://127.0.0.1:${await listening(t, server)}`, taken }
}

function decompressed(body: Buffer, encoding: string | undefined): Buffer {
  switch (encoding) {
    case 'gzip':
      return gunzipSync(body)
    case 'zstd':
      return zstdDecompressSync(body)
    default:
      return body
  }
}
