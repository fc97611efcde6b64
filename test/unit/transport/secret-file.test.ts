import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { milliseconds } from '../../../src/core/units.ts'
import { grpcTransport } from '../../../src/transport/grpc.ts'
import { httpTransport } from '../../../src/transport/http.ts'
import { otlpGrpcResponse, otlpHttpResponse } from '../../../src/transport/otlp-response.ts'
import { SecretFile, type SecretFileOptions } from '../../../src/transport/secret-file.ts'
import { payload, temporaryDirectory } from '../../support/deliveries.ts'

const optionsOf = (path: string): SecretFileOptions => ({
  path,
  what: 'the file of headers',
  code: 'TEST.FILE',
  maxBytes: 10,
})
const never = new AbortController().signal

test('what is no regular file, or too large, is told and not waited for', async (t) => {
  const directory = temporaryDirectory(t)
  const fifo = join(directory, 'fifo')
  execFileSync('mkfifo', [fifo])
  for (const path of [fifo, directory, '/dev/zero']) {
    await assert.rejects(
      new SecretFile(optionsOf(path)).read(never),
      /cannot read the file of headers .*not a regular file/,
    )
  }
  const large = join(directory, 'large')
  writeFileSync(large, 'planted-secret')
  await assert.rejects(new SecretFile(optionsOf(large)).read(never), /large: it has more than 10 bytes$/)
  writeFileSync(large, 'short')
  assert.equal(await new SecretFile(optionsOf(large)).read(never), 'short')
})

test('a read that does not end is given up with the attempt, and not begun again meanwhile', async () => {
  let began = 0
  const reading = Promise.withResolvers<string>()
  const file = new SecretFile(optionsOf('/mnt/dead'), () => {
    began++
    return reading.promise
  })
  const attempt = new AbortController()
  const first = file.read(attempt.signal)
  attempt.abort(new Error('no time left'))
  await assert.rejects(first, /cannot read the file of headers \/mnt\/dead: no time left/)
  const second = file.read(never)
  assert.equal(began, 1)
  reading.resolve('there again')
  assert.equal(await second, 'there again')
  await file.read(never)
  assert.equal(began, 2)
})

test('a FIFO as file of headers costs neither transport more than the attempt', async (t) => {
  const headersFile = join(temporaryDirectory(t), 'fifo')
  execFileSync('mkfifo', [headersFile])
  const options = { url: 'http://127.0.0.1:9/', userAgent: 'x', timeoutMs: milliseconds(60_000), headersFile }
  for (const transport of [
    httpTransport({ ...options, judge: otlpHttpResponse }),
    grpcTransport({ ...options, judge: otlpGrpcResponse }),
  ]) {
    const delivery = await transport.send(payload(1), never)
    assert.equal(delivery.outcome, 'retry')
    assert.match('reason' in delivery ? delivery.reason : '', /not a regular file/)
    await transport.close()
  }
})
