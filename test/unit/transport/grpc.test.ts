// Against the gRPC server of @grpc/grpc-js, which is not our code.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import protobuf from 'protobufjs/minimal.js'
import type { Delivery, Transport } from '../../../src/core/delivery.ts'
import { milliseconds } from '../../../src/core/units.ts'
import { type GrpcTransportOptions, grpcTransport, PROFILES_EXPORT } from '../../../src/transport/grpc.ts'
import { otlpGrpcResponse } from '../../../src/transport/otlp-response.ts'
import { forwardProxy, freePort, send } from '../../support/endpoints.ts'

type Call = ServerUnaryCall<Buffer, Buffer>
type Answer = sendUnaryData<Buffer>
type Handler = (call: Call, answer: Answer) => void

const bytes = (value: Buffer): Buffer => value

/** A server of the one method; its port. */
async function serving(
  t: TestContext,
  handler: Handler,
  { port = 0, ...options }: ServerOptions & { port?: number } = {},
): Promise<{ readonly port: number; readonly server: Server }> {
  const server = new Server(options)
  const method = {
    path: PROFILES_EXPORT,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  }
  server.addService({ export: method }, { export: handler })
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    ),
  )
  t.after(() => server.forceShutdown())
  return { port: bound, server }
}

function transportTo(t: TestContext, url: string, changes: Partial<GrpcTransportOptions> = {}): Transport {
  const transport = grpcTransport({
    url,
    userAgent: 'sonde/0.0.0',
    timeoutMs: milliseconds(30_000),
    judge: otlpGrpcResponse,
    ...changes,
  })
  t.after(() => transport.close())
  return transport
}

const empty: Handler = (_, answer) => answer(null, Buffer.alloc(0))
const reasonOf = (delivery: Delivery): string => ('reason' in delivery ? delivery.reason : '')
const takenOf = (delivery: Delivery): unknown =>
  'perhapsTaken' in delivery ? delivery.perhapsTaken : undefined

test('a payload arrives as it is, gzip or not, with metadata, a deadline and the user agent', async (t) => {
  const calls: Call[] = []
  const { port } = await serving(t, (call, answer) => {
    calls.push(call)
    empty(call, answer)
  })
  const transport = transportTo(t, `http://127.0.0.1:${port}`, { headers: { 'X-Tenant': 'blue' } })
  assert.equal((await send(transport)).outcome, 'accepted')
  const body = gzipSync('a compressed profile')
  assert.equal((await send(transport, { body, encoding: 'gzip' })).outcome, 'accepted')
  assert.deepEqual(
    calls.map(({ request }) => request.toString()),
    ['a profile', 'a compressed profile'],
  )
  const { metadata } = calls[0]!
  assert.deepEqual(metadata.get('x-tenant'), ['blue'])
  assert.deepEqual(metadata.get('user-agent'), ['sonde/0.0.0'])
  const deadline = Number(calls[0]!.getDeadline())
  assert.ok(Number.isFinite(deadline) && deadline > 0)
})

test('one connection carries call after call', async (t) => {
  const peers: string[] = []
  const { port } = await serving(t, (call, answer) => {
    peers.push(call.getPeer())
    empty(call, answer)
  })
  const transport = transportTo(t, `http://127.0.0.1:${port}`)
  for (let times = 0; times < 3; times++) await send(transport)
  assert.equal(peers.length, 3)
  assert.equal(new Set(peers).size, 1)
})

test('an idle session does not hold the process', async (t) => {
  const { port } = await serving(t, empty)
  const script = `
    import { grpcTransport } from ${JSON.stringify(new URL('../../../src/transport/grpc.ts', import.meta.url).href)}
    const options = { url: 'http://127.0.0.1:${port}', userAgent: 'x', timeoutMs: 30_000, judge: () => ({ outcome: 'judged' }) }
    const payload = { body: Buffer.from('x'), encoding: 'identity', headers: {} }
    console.log((await grpcTransport(options).send(payload, new AbortController().signal)).outcome)`
  const child = execFile(process.execPath, ['--input-type=module', '--eval', script])
  let output = ''
  child.stdout?.on('data', (text: string) => (output += text))
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.deepEqual([code, output], [0, 'judged\n'])
})

test('zstd, which gRPC does not know, is refused in words', async (t) => {
  const delivery = await send(transportTo(t, 'http://127.0.0.1:1'), { encoding: 'zstd' })
  assert.match(reasonOf(delivery), /zstd, which gRPC does not know: use gzip/)
})

test('a compressed answer is read, and partial success is told', async (t) => {
  const inner = protobuf.Writer.create().uint32(8).int64(2).uint32(18).string('too old '.repeat(20)).finish()
  const response = Buffer.from(protobuf.Writer.create().uint32(10).bytes(inner).finish())
  const { port } = await serving(t, (_, answer) => answer(null, response), {
    'grpc.default_compression_algorithm': 2,
  })
  const delivery = await send(transportTo(t, `http://127.0.0.1:${port}`))
  assert.equal(delivery.outcome, 'accepted')
  assert.equal(delivery.outcome === 'accepted' && delivery.rejectedProfiles, 2)
})

test('an answer of trailers only gives its code and decoded message', async (t) => {
  const { port } = await serving(t, (_, answer) =>
    answer({ code: status.INVALID_ARGUMENT, details: 'sténo 100 %\nsecond line' }),
  )
  const delivery = await send(transportTo(t, `http://127.0.0.1:${port}`))
  assert.equal(delivery.outcome, 'refused')
  assert.equal(reasonOf(delivery), 'answered INVALID_ARGUMENT: sténo 100 % second line')
})

test('RetryInfo in the details is how long to wait; without it RESOURCE_EXHAUSTED is a refusal', async (t) => {
  const duration = protobuf.Writer.create().uint32(8).int64(7).finish()
  const info = protobuf.Writer.create().uint32(10).bytes(duration).finish()
  const any = protobuf.Writer.create().uint32(10).string('type.googleapis.com/google.rpc.RetryInfo')
  any.uint32(18).bytes(info)
  const details = protobuf.Writer.create().uint32(8).int32(8).uint32(26).bytes(any.finish()).finish()
  let metadata = new Metadata()
  const { port } = await serving(t, (_, answer) =>
    answer({ code: status.RESOURCE_EXHAUSTED, details: 'slow down', metadata }),
  )
  const transport = transportTo(t, `http://127.0.0.1:${port}`)
  assert.equal((await send(transport)).outcome, 'refused')
  metadata = new Metadata()
  metadata.set('grpc-status-details-bin', Buffer.from(details))
  assert.deepEqual(await send(transport), {
    outcome: 'retry',
    after: 7000,
    reason: 'answered RESOURCE_EXHAUSTED: slow down',
    perhapsTaken: false,
    reached: true,
  })
})

test('no secret is in what is told, even where the server repeats what it was sent', async (t) => {
  const { port } = await serving(t, (call, answer) =>
    answer({
      code: status.UNAUTHENTICATED,
      details: `${'.'.repeat(280)}${call.metadata.get('authorization')[0]} ${call.metadata.get('x-key')[0]}`,
    }),
  )
  const headers = { authorization: 'Bearer planted-token-planted', 'x-key': 'planted-key' }
  const transport = transportTo(t, `http://user:planted@127.0.0.1:${port}`, { headers })
  const delivery = await send(transport)
  assert.equal(delivery.outcome, 'refused')
  assert.ok(!reasonOf(delivery).includes('plant'), reasonOf(delivery))
  assert.equal(transport.target, `http://127.0.0.1:${port}`)
})

test('a server that shuts down finishes what it has, and the next call finds its successor', async (t) => {
  let release: () => void = () => undefined
  let came: () => void = () => undefined
  const arrived = new Promise<void>((resolve) => (came = resolve))
  const { port, server } = await serving(t, (_, answer) => {
    release = () => answer(null, Buffer.alloc(0))
    came()
  })
  const ping = { everyMs: milliseconds(2), withinMs: milliseconds(30_000) }
  const transport = transportTo(t, `http://127.0.0.1:${port}`, { ping })
  const underWay = send(transport)
  await arrived
  const down = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
  // Signs of life are asked for meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 20))
  release()
  assert.equal((await underWay).outcome, 'accepted')
  await down
  const refused = await send(transport)
  assert.match(reasonOf(refused), /nothing listens on/)
  assert.equal(takenOf(refused), false)
  await serving(t, empty, { port })
  assert.equal((await send(transport)).outcome, 'accepted')
})

test('calls go through the tunnel of a proxy, also for http', async (t) => {
  const { port } = await serving(t, empty)
  const proxy = await forwardProxy(t, () => port)
  const environment = { https_proxy: proxy.url.replace('//', '//user:planted@') }
  const transport = transportTo(t, 'http://collector.test:4317', { environment })
  assert.equal((await send(transport)).outcome, 'accepted')
  assert.deepEqual(proxy.requests, ['CONNECT collector.test:4317'])
  assert.deepEqual(proxy.authorizations, [`Basic ${Buffer.from('user:planted').toString('base64')}`])
})

test('where nothing listens, host and port are named', async (t) => {
  const port = await freePort()
  const delivery = await send(transportTo(t, `http://127.0.0.1:${port}`))
  assert.equal(reasonOf(delivery), `nothing listens on 127.0.0.1:${port} (ECONNREFUSED)`)
  assert.equal(takenOf(delivery), false)
})
