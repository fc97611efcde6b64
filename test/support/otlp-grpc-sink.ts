// Takes OTLP profiles by gRPC, as a collector does, and keeps when their samples were taken.

import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { readRawOtlp } from './otlp-reader.ts'

/** Compressed or not, and the length. */
const PREFIX_BYTES = 5

export class OtlpGrpcSink {
  readonly #server: Http2Server = createServer()
  readonly #bodies: Buffer[] = []

  async start(): Promise<number> {
    this.#server.on('stream', (stream) => this.#answer(stream))
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  /** Unix nanoseconds, of every sample that came. */
  times(): bigint[] {
    return this.#bodies.flatMap((body) => {
      const isCompressed = body[0] === 1
      const message = body.subarray(PREFIX_BYTES)
      const { resource_profiles: resources } = readRawOtlp(isCompressed ? gunzipSync(message) : message)
      return resources
        .flatMap(({ scope_profiles: scopes }) => scopes)
        .flatMap(({ profiles }) => profiles)
        .flatMap(({ samples }) => samples)
        .flatMap(({ timestamps_unix_nano: times }) => times.map(BigInt))
    })
  }

  stop(): void {
    this.#server.close()
  }

  #answer(stream: ServerHttp2Stream): void {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      this.#bodies.push(Buffer.concat(chunks))
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(Buffer.alloc(PREFIX_BYTES))
    })
  }
}
