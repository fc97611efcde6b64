// The encoding thread: takes requests from its parent, one after the other.

import { randomBytes } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import type { WorkerAnswer, WorkerRequest } from './base/worker-client.ts'
import { errnoOf } from './core/errors.ts'
import { compress } from './formats/compress.ts'
import { LocalEncoder } from './formats/encode.ts'
import { type EncodeRequest, EncodeService } from './formats/encode-requests.ts'

const port = parentPort
if (port === null) throw new Error('src/worker.ts is the code of a worker thread')

const service = new EncodeService(new LocalEncoder({ compress, randomBytes }))

async function answer({ id, message }: WorkerRequest): Promise<WorkerAnswer> {
  try {
    return { id, outcome: 'done', value: await service.answer(message as EncodeRequest) }
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    return { id, outcome: 'failed', error, code: errnoOf(thrown) }
  }
}

/** Bytes are handed over rather than copied. */
const handedOver = (value: unknown): ArrayBuffer[] =>
  value instanceof Uint8Array &&
  value.buffer instanceof ArrayBuffer &&
  value.byteLength === value.buffer.byteLength
    ? [value.buffer]
    : []

let previous: Promise<void> = Promise.resolve()
port.on('message', (request: WorkerRequest) => {
  previous = previous.then(async () => {
    const result = await answer(request)
    port.postMessage(result, result.outcome === 'done' ? handedOver(result.value) : [])
  })
})
