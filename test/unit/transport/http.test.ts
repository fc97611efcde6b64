import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Delivery, Transport } from '../../../src/core/delivery.ts'
import { AgentError } from '../../../src/core/errors.ts'
import { milliseconds } from '../../../src/core/units.ts'
import { type HttpTransportOptions, httpTransport } from '../../../src/transport/http.ts'
import { otlpHttpResponse } from '../../../src/transport/otlp-response.ts'
import {
  endingWith,
  forwardProxy,
  freePort,
  HeldClock,
  httpServer,
  PAYLOAD,
  rawServer,
  send,
  temporaryDirectory,
} from '../../support/endpoints.ts'

/** Long enough for a busy machine; tests of the time itself hold the clock. */
const AMPLE = milliseconds(30_000)

function transportTo(t: TestContext, url: string, changes: Partial<HttpTransportOptions> = {}): Transport {
  const transport = httpTransport({
    url,
    userAgent: 'sonde/0.0.0',
    timeoutMs: AMPLE,
    judge: otlpHttpResponse,
    ...changes,
  })
  t.after(() => transport.close())
  return transport
}

const reasonOf = (delivery: Delivery): string => ('reason' in delivery ? delivery.reason : '')
const takenOf = (delivery: Delivery): unknown =>
  'perhapsTaken' in delivery ? delivery.perhapsTaken : undefined

interface Received {
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly socket: Socket
}

/** A server that takes everything; what it took. */
async function collecting(t: TestContext): Promise<{ readonly url: string; readonly received: Received[] }> {
  const received: Received[] = []
  const url = await httpServer(t, (request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      received.push({ url: request.url, headers: request.headers, body, socket: request.socket })
      response.setHeader('content-type', 'application/x-protobuf')
      response.end()
    })
  })
  return { url, received }
}

test('a payload arrives as it is, with its headers and those of the endpoint', async (t) => {
  const { url, received } = await collecting(t)
  const transport = transportTo(t, `${url}/v1development/profiles?a=b`, { headers: { 'X-Tenant': 'blue' } })
  assert.equal((await send(transport, { encoding: 'gzip' })).outcome, 'accepted')
  const [request] = received
  assert.equal(request?.url, '/v1development/profiles?a=b')
  assert.equal(request?.body, 'a profile')
  const { headers } = request!
  assert.equal(headers['content-type'], 'application/x-protobuf')
  assert.equal(headers['content-encoding'], 'gzip')
  assert.equal(headers['content-length'], '9')
  assert.equal(headers['user-agent'], 'sonde/0.0.0')
  assert.equal(headers['x-tenant'], 'blue')
  assert.equal(headers['transfer-encoding'], undefined)
  assert.equal((await send(transport)).outcome, 'accepted')
  assert.equal(received[1]?.headers['content-encoding'], undefined)
})

test('an answer is read as it is where a header of the endpoint has the media type of the answer', async (t) => {
  const { url } = await collecting(t)
  const headers = { accept: 'application/x-protobuf', 'content-type': 'application/x-protobuf' }
  assert.equal((await send(transportTo(t, url, { headers }))).outcome, 'accepted')
})

test('a connection is kept for the next payload, unless that is switched off', async (t) => {
  const { url, received } = await collecting(t)
  const keeping = transportTo(t, url)
  for (let times = 0; times < 2; times++) await send(keeping)
  const closing = transportTo(t, url, { keepAlive: false })
  for (let times = 0; times < 2; times++) await send(closing)
  const sockets = received.map(({ socket }) => socket)
  assert.equal(sockets[0], sockets[1])
  assert.equal(new Set(sockets).size, 3)
})

test('a Unix socket is an endpoint', async (t) => {
  const path = join(temporaryDirectory(t), 'agent.sock')
  const urls: unknown[] = []
  const server = createServer((request, response) => {
    urls.push(request.url)
    response.setHeader('content-type', 'application/x-protobuf')
    response.end()
  })
  endingWith(t, server)
  await new Promise<void>((resolve) => server.listen(path, resolve))
  // A proxy has no part in it.
  const environment = { http_proxy: 'http://127.0.0.1:1' }
  const transport = transportTo(t, 'http://localhost/in', { socketPath: path, environment })
  assert.equal((await send(transport)).outcome, 'accepted')
  assert.deepEqual(urls, ['/in'])
  assert.equal(transport.target, `unix:${path}/in`)
  const absent = await send(transportTo(t, 'http://localhost/', { socketPath: `${path}.not` }))
  assert.match(reasonOf(absent), /there is no socket .*agent\.sock\.not \(ENOENT\)/)
})

test('the file of headers is read for every payload; what is wrong with it is told without its values', async (t) => {
  const { url, received } = await collecting(t)
  const headersFile = join(temporaryDirectory(t), 'headers')
  const transport = transportTo(t, url, { headersFile, headers: { 'dd-api-key': 'of-the-configuration' } })
  const tried = async (text: string): Promise<Delivery> => {
    writeFileSync(headersFile, text)
    return await send(transport)
  }
  await tried('# keys\n\nDD-API-KEY: first\nauthorization=Basic a:b\n')
  await tried('dd-api-key=second\n')
  assert.deepEqual(
    received.map(({ headers }) => [headers['dd-api-key'], headers.authorization]),
    [
      ['first', 'Basic a:b'],
      ['second', undefined],
    ],
  )
  for (const text of [
    'planted-secret',
    'x: planted-secret\u0001',
    'planted secret: x',
    'te: planted-secret',
  ]) {
    const delivery = await tried(text)
    assert.equal(delivery.outcome, 'retry')
    assert.equal(takenOf(delivery), false)
    assert.match(reasonOf(delivery), /headers, line 1: /)
    assert.ok(!reasonOf(delivery).includes('planted'), reasonOf(delivery))
  }
  rmSync(headersFile)
  assert.match(reasonOf(await send(transport)), /cannot read the file of headers .*ENOENT/)
  assert.equal(received.length, 2)
})

test('headers and URLs that cannot be sent are told at once, without their values', () => {
  const options = { userAgent: 'x', timeoutMs: AMPLE, judge: otlpHttpResponse }
  const url = 'http://127.0.0.1/'
  const bad = [
    { url: 'ftp://user:planted@host/' },
    { url: 'planted' },
    { url, headers: { 'planted name': 'x' } },
    { url, headers: { authorization: 'planted\n' } },
    { url, headers: { 'Content-Length': 'planted' } },
  ]
  for (const changes of bad) {
    assert.throws(
      () => httpTransport({ ...options, ...changes }),
      (error: Error) => error instanceof AgentError && !error.message.includes('planted'),
    )
  }
})

test('where nothing listens, host and port are named, and nothing was taken', async (t) => {
  const port = await freePort()
  const delivery = await send(transportTo(t, `http://127.0.0.1:${port}/`))
  assert.deepEqual(delivery, {
    outcome: 'retry',
    after: undefined,
    reason: `nothing listens on 127.0.0.1:${port} (ECONNREFUSED)`,
    perhapsTaken: false,
    reached: false,
  })
})

test('a name that DNS does not know is told as such', async (t) => {
  const delivery = await send(transportTo(t, 'http://endpoint.invalid:4318/'))
  assert.equal(takenOf(delivery), false)
  assert.match(reasonOf(delivery), /host name of endpoint\.invalid:4318 .*DNS/)
})

test('an attempt ends when its time is over, also where no connection comes about', async (t) => {
  const clock = new HeldClock()
  // A proxy that never says anything.
  const port = await rawServer(t, (socket) => socket.once('data', clock.pass))
  const environment = { https_proxy: `http://127.0.0.1:${port}` }
  const delivery = await send(transportTo(t, 'https://collector.test/', { clock, environment }))
  assert.match(reasonOf(delivery), /no connection to collector\.test:443 within 30 s/)
  assert.equal(takenOf(delivery), false)
})

test('a server that takes a request and never answers: perhaps taken', async (t) => {
  const clock = new HeldClock()
  const port = await rawServer(t, (socket) => socket.once('data', () => setImmediate(clock.pass)))
  const delivery = await send(transportTo(t, `http://127.0.0.1:${port}/`, { clock }))
  assert.equal(reasonOf(delivery), `127.0.0.1:${port} did not answer within 30 s`)
  assert.equal(takenOf(delivery), true)
})

test('an answer that comes byte by byte does not outlast the time of an attempt', async (t) => {
  const clock = new HeldClock()
  const port = await rawServer(t, (socket) => {
    socket.resume().write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n')
    let written = 0
    const timer = setInterval(() => {
      socket.write('x')
      if (++written === 5) clock.pass()
    }, 2)
    socket.on('close', () => clearInterval(timer))
  })
  const delivery = await send(transportTo(t, `http://127.0.0.1:${port}/`, { clock }))
  assert.match(reasonOf(delivery), /did not answer within/)
  assert.equal(takenOf(delivery), true)
})

test('a server that does not read a large request has not taken it', async (t) => {
  const clock = new HeldClock()
  const port = await rawServer(t, (socket) =>
    socket.once('data', () => {
      socket.pause()
      clock.pass()
    }),
  )
  const transport = transportTo(t, `http://127.0.0.1:${port}/`, { clock })
  const delivery = await send(transport, { body: Buffer.alloc(32 * 1024 * 1024) })
  assert.match(reasonOf(delivery), /did not take the whole request within/)
  assert.equal(takenOf(delivery), false)
})

test('a reset amid the answer loses the answer, not the request', async (t) => {
  const port = await rawServer(t, (socket) => {
    socket.once('data', () => {
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\nabc',
        () => setImmediate(() => socket.resetAndDestroy()),
      )
    })
  })
  const delivery = await send(transportTo(t, `http://127.0.0.1:${port}/`))
  assert.equal(delivery.outcome, 'retry')
  assert.equal(takenOf(delivery), true)
})

test('a connection that ends without an answer is told with what else might be there', async (t) => {
  const port = await rawServer(t, (socket) => socket.once('data', () => socket.end()))
  const delivery = await send(transportTo(t, `http://127.0.0.1:${port}/`))
  assert.match(reasonOf(delivery), /closed the connection before it answered/)
  assert.equal(takenOf(delivery), true)
})

test('what is no HTTP is told as what it is', async (t) => {
  const answering = async (bytes: string | Uint8Array): Promise<string> => {
    const port = await rawServer(t, (socket) => void socket.resume().write(bytes))
    return reasonOf(await send(transportTo(t, `http://127.0.0.1:${port}/`)))
  }
  assert.match(await answering('SSH-2.0-OpenSSH_9.2\r\n'), /answered with what is no HTTP \(HPE_/)
  assert.match(await answering(Buffer.from([0x15, 3, 1, 0, 2, 2, 40])), /speaks TLS: the URL has to begin/)
  assert.match(await answering(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])), /speaks HTTP\/2.*gRPC/)
  const nginx = 'HTTP/1.1 400 Bad\r\n\r\n<h1>The plain HTTP request was sent to HTTPS port</h1>'
  const port = await rawServer(t, (socket) => socket.resume().end(nginx))
  const delivery = await send(transportTo(t, `http://127.0.0.1:${port}/`))
  assert.equal(delivery.outcome, 'retry')
  assert.match(reasonOf(delivery), /speaks TLS/)
})

test('an answer without an end is read no further than its limit', async (t) => {
  let closed: () => void
  const ended = new Promise<void>((resolve) => (closed = resolve))
  const url = await httpServer(t, (request, response) => {
    request.resume()
    response.writeHead(400, { 'content-type': 'text/plain' })
    const more = (): void =>
      void (response.write('no '.repeat(10_000)) ? setImmediate(more) : response.once('drain', more))
    response.on('close', () => closed())
    more()
  })
  const delivery = await send(transportTo(t, url))
  assert.equal(delivery.outcome, 'refused')
  assert.ok(reasonOf(delivery).length < 330)
  await ended
})

test('a redirect is a refusal that says where to, without what might be secret', async (t) => {
  const url = await httpServer(t, (request, response) => {
    request.resume()
    response.writeHead(307, { location: 'https://user:planted@other.test/path?key=planted' }).end()
  })
  const delivery = await send(transportTo(t, url))
  assert.equal(delivery.outcome, 'refused')
  assert.match(reasonOf(delivery), /answered 307: it redirects to https:\/\/other\.test\/path, /)
  assert.ok(!reasonOf(delivery).includes('planted'))
})

test('whoever asked for it can end an attempt, and it rejects then', async (t) => {
  const asked = new AbortController()
  const port = await rawServer(t, (socket) => socket.once('data', () => asked.abort(new Error('enough'))))
  const transport = transportTo(t, `http://127.0.0.1:${port}/`)
  await assert.rejects(transport.send(PAYLOAD, asked.signal), /enough/)
  await assert.rejects(transport.send(PAYLOAD, asked.signal), /enough/)
})

test('a closed transport sends no more, and closes twice', async (t) => {
  const { url, received } = await collecting(t)
  const transport = transportTo(t, url)
  await send(transport)
  await transport.close()
  await transport.close()
  assert.equal((await send(transport)).outcome, 'retry')
  assert.equal(received.length, 1)
})

test('http URLs are handed to the proxy, with its credentials and without ours being told', async (t) => {
  const proxy = await forwardProxy(t, () => 0)
  const environment = { HTTP_PROXY: proxy.url.replace('//', '//user:pass%20word@') }
  const transport = transportTo(t, 'http://collector.test:4318/v1?x=1', { environment })
  assert.equal((await send(transport)).outcome, 'accepted')
  assert.deepEqual(proxy.requests, ['POST http://collector.test:4318/v1?x=1'])
  assert.deepEqual(proxy.authorizations, [`Basic ${Buffer.from('user:pass word').toString('base64')}`])
})

test('a proxy that wants other credentials is told as such', async (t) => {
  const url = await httpServer(t, (request, response) => {
    request.resume()
    response.writeHead(407).end('planted-password')
  })
  const environment = { http_proxy: url.replace('//', '//user:planted-password@') }
  const delivery = await send(transportTo(t, 'http://collector.test/', { environment }))
  assert.equal(delivery.outcome, 'retry')
  assert.match(reasonOf(delivery), /the proxy 127\.0\.0\.1:\d+ answered 407: it wants other credentials/)
  assert.ok(!reasonOf(delivery).includes('planted'))
})

test('no secret is in what is told, even where the server repeats what it was sent', async (t) => {
  const url = await httpServer(t, (request, response) => {
    const { authorization, 'dd-api-key': key } = request.headers
    const decoded = Buffer.from(authorization?.slice(6) ?? '', 'base64').toString()
    request.resume()
    response.writeHead(403, { 'content-type': `text/plain; ${key}` })
    response.end(`${'.'.repeat(270)}${key} ${authorization} ${decoded}`)
  })
  const withPassword = url.replace('//', '//user:planted-password@')
  const transport = transportTo(t, withPassword, { headers: { 'dd-api-key': 'planted-key-planted-key' } })
  const delivery = await send(transport)
  assert.equal(delivery.outcome, 'refused')
  assert.ok(!reasonOf(delivery).includes('plant'), reasonOf(delivery))
  assert.ok(!transport.target.includes('plant') && !transport.target.includes('user'), transport.target)
})
