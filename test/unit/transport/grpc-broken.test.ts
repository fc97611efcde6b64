// gRPC's client against what a real server does only when something is wrong.
import assert from 'node:assert/strict'
import { createServer, type Http2Session, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Delivery, Transport } from '../../../src/core/delivery.ts'
import { milliseconds } from '../../../src/core/units.ts'
import { type GrpcTransportOptions, grpcTransport } from '../../../src/transport/grpc.ts'
import { otlpGrpcResponse } from '../../../src/transport/otlp-response.ts'
import { HeldClock, httpServer, listening, PAYLOAD, rawServer, send } from '../../support/endpoints.ts'

const AMPLE = milliseconds(30_000)
const GRPC = { ':status': 200, 'content-type': 'application/grpc' }
const EMPTY_MESSAGE = Buffer.alloc(5)

function transportTo(t: TestContext, port: number, changes: Partial<GrpcTransportOptions> = {}): Transport {
  const transport = grpcTransport({
    url: `http://127.0.0.1:${port}`,
    userAgent: 'sonde/0.0.0',
    timeoutMs: AMPLE,
    judge: otlpGrpcResponse,
    ...changes,
  })
  t.after(() => transport.close())
  return transport
}

const reasonOf = (delivery: Delivery): string => ('reason' in delivery ? delivery.reason : '')
const takenOf = (delivery: Delivery): unknown =>
  'perhapsTaken' in delivery ? delivery.perhapsTaken : undefined

/** A server of HTTP/2 that does with each request what `serve` says; its port. */
async function http2Server(t: TestContext, serve: (stream: ServerHttp2Stream) => void): Promise<number> {
  const server = createServer()
  server.on('stream', (stream) => {
    stream.on('error', () => undefined)
    stream.resume().on('end', () => serve(stream))
  })
  server.on('sessionError', () => undefined)
  return await listening(t, server)
}

function accept(stream: ServerHttp2Stream): void {
  stream.respond(GRPC, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(EMPTY_MESSAGE)
}

const answering = async (t: TestContext, headers: OutgoingHttpHeaders, body = ''): Promise<Delivery> => {
  const port = await http2Server(t, (stream) => {
    stream.respond(headers)
    stream.end(body)
  })
  return await send(transportTo(t, port))
}

test('answers of HTTP without gRPC: 429 and who stands between are tried again, all else is refused', async (t) => {
  for (const code of [429, 502, 503, 504]) {
    assert.equal((await answering(t, { ':status': code })).outcome, 'retry', String(code))
  }
  for (const code of [301, 400, 401, 403, 404, 500]) {
    assert.equal((await answering(t, { ':status': code })).outcome, 'refused', String(code))
  }
  const later = await answering(t, { ':status': 503, 'retry-after': '9' })
  assert.equal(later.outcome === 'retry' && later.after, 9000)
  const page = await answering(t, { ':status': 200, 'content-type': 'text/html' }, '<!doctype html>')
  assert.equal(page.outcome, 'refused')
  assert.match(reasonOf(page), /answered HTTP 200 with text\/html, which is no gRPC: <!doctype html>/)
})

test('an answer that ends without a status: perhaps taken', async (t) => {
  const delivery = await answering(t, GRPC)
  assert.match(reasonOf(delivery), /ended its answer without a gRPC status/)
  assert.equal(takenOf(delivery), true)
})

test('OK with more than is read, or with no message, is no OTLP response', async (t) => {
  for (const body of [Buffer.alloc(0), Buffer.alloc(1 << 20)]) {
    const port = await http2Server(t, (stream) => {
      stream.respond(GRPC, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(body)
    })
    const delivery = await send(transportTo(t, port))
    assert.match(reasonOf(delivery), /answered OK with what is no OTLP response/)
  }
})

test('a call that the server left alone is made again at once, on a new session', async (t) => {
  const sessions = new Set<unknown>()
  const port = await http2Server(t, (stream) => {
    sessions.add(stream.session)
    if (sessions.size > 1) accept(stream)
    else stream.close(7) // REFUSED_STREAM
  })
  assert.equal((await send(transportTo(t, port))).outcome, 'accepted')
  assert.equal(sessions.size, 2)
})

test('a server that leaves every call alone has taken none', async (t) => {
  const port = await http2Server(t, (stream) => stream.close(7))
  const delivery = await send(transportTo(t, port))
  assert.match(reasonOf(delivery), /left the request undone/)
  assert.equal(takenOf(delivery), false)
})

/** Whether a request's HEADERS frame (type 1) is among the frames that a client sent after its 24 bytes of preface. */
function asksForSomething(sent: Buffer): boolean {
  for (let at = 24; at + 9 <= sent.length; at += 9 + sent.readUIntBE(at, 3))
    if (sent[at + 3] === 1) return true
  return false
}

/** SETTINGS, empty, and GOAWAY, by hand: node:http2 says of its own how far it came. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
const goAway = (lastStream: number, code: number): Buffer =>
  Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, lastStream, 0, 0, 0, code])

test('GOAWAY that leaves our stream out: made again; one that does not: perhaps taken', async (t) => {
  const goingAway = async (lastStream: number, code: number): Promise<[Delivery, number]> => {
    const successor = await http2Server(t, accept)
    let connections = 0
    const port = await rawServer(t, (socket) => {
      if (++connections > 1) return void socket.pipe(connect(successor, '127.0.0.1')).pipe(socket)
      let sent = Buffer.alloc(0)
      socket.write(SETTINGS)
      socket.on('data', (chunk) => {
        sent = Buffer.concat([sent, chunk])
        if (asksForSomething(sent)) socket.end(goAway(lastStream, code))
      })
    })
    return [await send(transportTo(t, port)), connections]
  }
  for (const code of [0, 11]) {
    const [made, connections] = await goingAway(0, code)
    assert.deepEqual([made.outcome, connections], ['accepted', 2], `code ${code}: ${reasonOf(made)}`)
  }
  const [lost, connections] = await goingAway(1, 11)
  assert.deepEqual([takenOf(lost), connections], [true, 1])
  assert.match(reasonOf(lost), /GOAWAY 11/)
})

/** A way to a server that can be cut without either end being told. */
async function relay(
  t: TestContext,
  to: number,
): Promise<{ readonly port: number; readonly freeze: () => void }> {
  const pairs: Socket[] = []
  const port = await rawServer(t, (client) => {
    const server = connect(to, '127.0.0.1')
    server.on('error', () => undefined)
    client.pipe(server).pipe(client)
    client.on('close', () => server.destroy())
    pairs.push(client, server)
  })
  const freeze = (): void => {
    for (const socket of pairs) socket.unpipe().pause()
  }
  return { port, freeze }
}

test('a connection that died while it was idle is noticed before it is used again', async (t) => {
  const sessions = new Set<Http2Session | undefined>()
  const server = await http2Server(t, (stream) => {
    sessions.add(stream.session)
    accept(stream)
  })
  const { port, freeze } = await relay(t, server)
  const clock = new HeldClock()
  const ping = { everyMs: milliseconds(20_000), withinMs: milliseconds(50) }
  const transport = transportTo(t, port, { ping, clock })
  assert.equal((await send(transport)).outcome, 'accepted')
  freeze()
  clock.time += 20_000
  assert.equal((await send(transport)).outcome, 'accepted')
  assert.equal(sessions.size, 2)
})

test('a connection that dies under a call is given up by PING, not by the time of the call', async (t) => {
  let arrived: () => void = () => undefined
  const server = await http2Server(t, () => arrived())
  const { port, freeze } = await relay(t, server)
  arrived = freeze
  const ping = { everyMs: milliseconds(5), withinMs: milliseconds(100) }
  const delivery = await send(transportTo(t, port, { ping }))
  assert.match(reasonOf(delivery), /did not answer a PING within 0\.1 s/)
  assert.equal(takenOf(delivery), true)
})

test('a server that never answers a call: perhaps taken, and its session is asked for a sign next', async (t) => {
  const clock = new HeldClock()
  let calls = 0
  const port = await http2Server(t, (stream) => (++calls === 1 ? clock.pass() : accept(stream)))
  const transport = transportTo(t, port, { clock })
  const delivery = await send(transport)
  assert.equal(reasonOf(delivery), `127.0.0.1:${port} did not answer within 30 s`)
  assert.equal(takenOf(delivery), true)
  assert.equal((await send(transport)).outcome, 'accepted')
})

test('a server that does not read a large request has not taken it', async (t) => {
  const clock = new HeldClock()
  const server = createServer()
  server.on('stream', (stream) => {
    stream.on('error', () => undefined)
    clock.pass()
  })
  const transport = transportTo(t, await listening(t, server), { clock })
  const delivery = await send(transport, { body: Buffer.alloc(32 * 1024 * 1024) })
  assert.match(reasonOf(delivery), /did not take the whole request/)
  assert.equal(takenOf(delivery), false)
})

test('a port on which something else is spoken is told as such, and nothing was taken', async (t) => {
  const http1 = Number(new URL(await httpServer(t, (_, response) => response.end('hello'))).port)
  const ssh = await rawServer(t, (socket) => void socket.resume().write('SSH-2.0-OpenSSH_9.2\r\n'))
  for (const port of [http1, ssh]) {
    const delivery = await send(transportTo(t, port))
    assert.match(reasonOf(delivery), /HTTP\/2/)
    assert.equal(takenOf(delivery), false)
  }
})

test('a server that accepts and says nothing has taken nothing', async (t) => {
  const clock = new HeldClock()
  const port = await rawServer(t, (socket) => socket.once('data', clock.pass))
  const delivery = await send(transportTo(t, port, { clock }))
  assert.match(reasonOf(delivery), /no connection to 127\.0\.0\.1:\d+ within 30 s/)
  assert.equal(takenOf(delivery), false)
})

test('whoever asked for it can end a call, and it rejects then', async (t) => {
  const asked = new AbortController()
  const port = await http2Server(t, () => asked.abort(new Error('enough')))
  const transport = transportTo(t, port)
  await assert.rejects(transport.send(PAYLOAD, asked.signal), /enough/)
})

test('a closed transport sends no more, and closes twice', async (t) => {
  const transport = transportTo(t, await http2Server(t, accept))
  await send(transport)
  await transport.close()
  await transport.close()
  assert.equal((await send(transport)).outcome, 'retry')
})

test('a proxy that refuses a tunnel is told, without its credentials', async (t) => {
  const answers = [
    'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n',
    'HTTP/1.1 403 No\r\n\r\n',
    'nonsense\r\n\r\n',
  ]
  for (const [index, expected] of [/answered 407: .*credentials/, /answered 403: No/, /no HTTP/].entries()) {
    const proxy = await rawServer(t, (socket) => void socket.resume().write(answers[index]!))
    const environment = { https_proxy: `http://user:planted@127.0.0.1:${proxy}` }
    const delivery = await send(transportTo(t, 4317, { url: 'http://collector.test:4317', environment }))
    assert.match(reasonOf(delivery), expected)
    assert.match(reasonOf(delivery), new RegExp(`the proxy 127\\.0\\.0\\.1:${proxy}`))
    assert.ok(!reasonOf(delivery).includes('planted'))
    assert.equal(takenOf(delivery), false)
  }
})
