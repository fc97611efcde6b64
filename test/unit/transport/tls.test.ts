import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { createServer, type ServerOptions } from 'node:https'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { Delivery, Transport } from '../../../src/core/delivery.ts'
import { milliseconds } from '../../../src/core/units.ts'
import type { EndpointOptions } from '../../../src/transport/endpoint.ts'
import { grpcTransport } from '../../../src/transport/grpc.ts'
import { httpTransport } from '../../../src/transport/http.ts'
import { otlpGrpcResponse, otlpHttpResponse } from '../../../src/transport/otlp-response.ts'
import { TlsCredentials } from '../../../src/transport/tls.ts'
import {
  type Certificates,
  certificates,
  forwardProxy,
  httpServer,
  listening,
  noCertificates,
  rawServer,
  send,
} from '../../support/endpoints.ts'

const skip = noCertificates() ?? false

const reasonOf = (delivery: Delivery): string => ('reason' in delivery ? delivery.reason : '')
const takenOf = (delivery: Delivery): unknown =>
  'perhapsTaken' in delivery ? delivery.perhapsTaken : undefined

type Changes = Partial<EndpointOptions> & { readonly keepAlive?: boolean }

function httpTo(t: TestContext, url: string, changes: Changes = {}): Transport {
  const options = { url, userAgent: 'sonde/0.0.0', timeoutMs: milliseconds(30_000), ...changes }
  const transport = httpTransport({ ...options, judge: otlpHttpResponse })
  t.after(() => transport.close())
  return transport
}

function grpcTo(t: TestContext, url: string, changes: Changes = {}): Transport {
  const options = { url, userAgent: 'sonde/0.0.0', timeoutMs: milliseconds(30_000), ...changes }
  const transport = grpcTransport({ ...options, judge: otlpGrpcResponse })
  t.after(() => transport.close())
  return transport
}

const keysOf = ({ server }: Certificates) => ({
  cert: readFileSync(server.certFile),
  key: readFileSync(server.keyFile),
})

/** An OTLP server over TLS; its port, and the names of the clients that it saw. */
async function tlsServer(
  t: TestContext,
  options: ServerOptions,
): Promise<{ readonly port: number; readonly clients: (string | undefined)[] }> {
  const clients: (string | undefined)[] = []
  const server = createServer(options, (request, response) => {
    clients.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN as string | undefined)
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/x-protobuf')
      response.end()
    })
  })
  return { port: await listening(t, server), clients }
}

/** A gRPC server over TLS that takes everything. */
async function grpcTlsServer(t: TestContext, options: ServerOptions): Promise<number> {
  const server = createSecureServer(options)
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(Buffer.alloc(5))
  })
  return await listening(t, server)
}

test('a server of an authority of its own is trusted with its CA file, and not without', {
  skip,
}, async (t) => {
  const made = certificates(t)
  const { port } = await tlsServer(t, keysOf(made))
  const url = `https://localhost:${port}/`
  assert.equal((await send(httpTo(t, url, { tls: { caFile: made.caFile } }))).outcome, 'accepted')
  assert.equal(
    (await send(httpTo(t, `https://127.0.0.1:${port}/`, { tls: { caFile: made.caFile } }))).outcome,
    'accepted',
  )
  const untrusted = await send(httpTo(t, url))
  assert.match(reasonOf(untrusted), /the certificate of localhost:\d+ is not trusted: .* set the CA file/)
  assert.equal(takenOf(untrusted), false)
  const port2 = await grpcTlsServer(t, keysOf(made))
  const grpcUrl = `https://localhost:${port2}`
  assert.equal((await send(grpcTo(t, grpcUrl, { tls: { caFile: made.caFile } }))).outcome, 'accepted')
  assert.match(reasonOf(await send(grpcTo(t, grpcUrl))), /is not trusted/)
})

test('a certificate has to be of the server that was asked for', { skip }, async (t) => {
  const made = certificates(t)
  const { port } = await tlsServer(t, keysOf(made))
  const url = `https://127.0.0.1:${port}/`
  const tried = (serverName: string): Promise<Delivery> =>
    send(httpTo(t, url, { tls: { caFile: made.caFile, serverName } }))
  assert.equal((await tried('localhost')).outcome, 'accepted')
  const other = await tried('other.test')
  assert.match(reasonOf(other), /is for another name: .*other\.test/)
  assert.equal(takenOf(other), false)
})

test('a client certificate is shown, and its lack is told', { skip }, async (t) => {
  const made = certificates(t)
  const options = {
    ...keysOf(made),
    ca: readFileSync(made.caFile),
    requestCert: true,
    rejectUnauthorized: true,
  }
  const { port, clients } = await tlsServer(t, options)
  const url = `https://localhost:${port}/`
  const tls = { caFile: made.caFile, ...made.client }
  assert.equal((await send(httpTo(t, url, { tls }))).outcome, 'accepted')
  assert.deepEqual(clients, ['client'])
  const without = await send(httpTo(t, url, { tls: { caFile: made.caFile } }))
  assert.match(reasonOf(without), /does not accept the client certificate, or wants one/)
  assert.equal(takenOf(without), false)
  const grpcPort = await grpcTlsServer(t, options)
  assert.equal((await send(grpcTo(t, `https://localhost:${grpcPort}`, { tls }))).outcome, 'accepted')
  const grpcWithout = await send(grpcTo(t, `https://localhost:${grpcPort}`, { tls: { caFile: made.caFile } }))
  assert.match(reasonOf(grpcWithout), /does not accept the client certificate, or wants one/)
  assert.equal(takenOf(grpcWithout), false)
})

test('files that were replaced are used by the next connection, half-replaced ones are not', {
  skip,
}, async (t) => {
  const made = certificates(t)
  const options = {
    ...keysOf(made),
    ca: readFileSync(made.caFile),
    requestCert: true,
    rejectUnauthorized: true,
  }
  const { port, clients } = await tlsServer(t, options)
  const [certFile, keyFile] = [join(made.directory, 'used.pem'), join(made.directory, 'used.key')]
  copyFileSync(made.client.certFile, certFile)
  copyFileSync(made.client.keyFile, keyFile)
  const tls = { caFile: made.caFile, certFile, keyFile }
  const transport = httpTo(t, `https://localhost:${port}/`, { tls, keepAlive: false })
  await send(transport)
  const second = made.issue('second-client')
  copyFileSync(second.certFile, certFile)
  await send(transport)
  copyFileSync(second.keyFile, keyFile)
  await send(transport)
  assert.deepEqual(clients, ['client', 'client', 'second-client'])
})

test('files that cannot be used are told by name when the transport is made', { skip }, (t) => {
  const made = certificates(t)
  const garbage = join(made.directory, 'garbage.pem')
  writeFileSync(garbage, 'planted')
  const { certFile } = made.client
  const fails = (options: ConstructorParameters<typeof TlsCredentials>[0], expected: RegExp): void =>
    assert.throws(
      () => new TlsCredentials(options),
      (error: Error & { code?: string }) =>
        error.code === 'TRANSPORT.TLS_FILE' && expected.test(error.message) && !/planted/.test(error.message),
    )
  fails(
    { caFile: join(made.directory, 'absent.pem') },
    /Cannot read .*absent\.pem, the certificates of authorities: ENOENT/,
  )
  fails({ caFile: garbage }, /garbage\.pem, .* has no certificate in PEM form/)
  fails({ certFile, keyFile: garbage }, /client\.pem and .*garbage\.pem cannot be used/)
  fails(
    { certFile, keyFile: made.server.keyFile },
    /client\.pem and .*server\.key cannot be used: .*mismatch/,
  )
  fails({ certFile }, /needs both/)
})

test('TLS to a port without it, and none to a port with it, are told as such', { skip }, async (t) => {
  const made = certificates(t)
  const plain = await httpServer(t, (_, response) => response.end())
  const ssh = await rawServer(t, (socket) => void socket.resume().write('SSH-2.0-OpenSSH_9.2\r\n'))
  for (const url of [plain.replace('http:', 'https:'), `https://127.0.0.1:${ssh}`]) {
    for (const transport of [httpTo(t, url), grpcTo(t, url)]) {
      const delivery = await send(transport)
      assert.match(reasonOf(delivery), /does not speak TLS .*the URL has to begin with http:/)
      assert.equal(takenOf(delivery), false)
    }
  }
  const { port } = await tlsServer(t, keysOf(made))
  for (const transport of [httpTo(t, `http://127.0.0.1:${port}`), grpcTo(t, `http://127.0.0.1:${port}`)]) {
    assert.match(reasonOf(await send(transport)), /speaks? TLS.* the URL has to begin with https/)
  }
})

test('a server of TLS without HTTP/2 is none for gRPC', { skip }, async (t) => {
  const made = certificates(t)
  for (const options of [{}, { ALPNProtocols: ['http/1.1'] }]) {
    const { port } = await tlsServer(t, { ...keysOf(made), ...options })
    const delivery = await send(grpcTo(t, `https://localhost:${port}`, { tls: { caFile: made.caFile } }))
    assert.match(reasonOf(delivery), /offers no HTTP\/2, which gRPC needs/)
    assert.equal(takenOf(delivery), false)
  }
})

test('https and gRPC over TLS go through the tunnel of a proxy, and the proxy sees no headers', {
  skip,
}, async (t) => {
  const made = certificates(t)
  const { port } = await tlsServer(t, keysOf(made))
  const grpcPort = await grpcTlsServer(t, keysOf(made))
  let to = port
  const proxy = await forwardProxy(t, () => to)
  const environment = { HTTPS_PROXY: proxy.url.replace('//', '//user:planted@'), NO_PROXY: 'elsewhere.test' }
  const options = { environment, tls: { caFile: made.caFile, serverName: 'localhost' } }
  const transport = httpTo(t, 'https://collector.test:4318/v1', options)
  assert.equal((await send(transport)).outcome, 'accepted')
  assert.equal((await send(transport)).outcome, 'accepted')
  to = grpcPort
  assert.equal((await send(grpcTo(t, 'https://collector.test', options))).outcome, 'accepted')
  assert.deepEqual(proxy.requests, ['CONNECT collector.test:4318', 'CONNECT collector.test:443'])
  assert.equal(new Set(proxy.authorizations).size, 1)
})

test('a proxy may itself be spoken to over TLS', { skip }, async (t) => {
  // Its certificate is judged by the system's authorities, so this one is refused.
  const made = certificates(t)
  const { port } = await tlsServer(t, keysOf(made))
  const environment = { HTTPS_PROXY: `https://user:planted@localhost:${port}` }
  const delivery = await send(httpTo(t, 'https://collector.test/', { environment }))
  assert.match(reasonOf(delivery), /the certificate of the proxy localhost:\d+ is not trusted/)
  assert.ok(!reasonOf(delivery).includes('planted'))
})
