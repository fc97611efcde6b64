// Endpoints on loopback for tests of transports: good ones, broken ones, and what stands between.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Clock } from '../../src/base/clock.ts'
import type { Delivery, Payload, Transport } from '../../src/core/delivery.ts'

export const PAYLOAD: Payload = {
  body: Buffer.from('a profile'),
  encoding: 'identity',
  headers: { 'content-type': 'application/x-protobuf' },
  format: 'test',
  samples: 1,
  profiles: 1,
}

export const send = (transport: Transport, changes: Partial<Payload> = {}): Promise<Delivery> =>
  transport.send({ ...PAYLOAD, ...changes }, new AbortController().signal)

/** A clock on which time passes when `pass` is called: all that is waited for is over then. */
export class HeldClock implements Clock {
  readonly #waiting = new Set<() => void>()
  time = 0
  now = (): number => this.time

  sleep = (_: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      this.#waiting.add(resolve)
      signal?.addEventListener('abort', () => resolve())
    })

  pass = (): void => {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

/** Closes it when the test ends, with all of its connections. */
export function endingWith(t: TestContext, server: Server): void {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
}

export async function listening(t: TestContext, server: Server): Promise<number> {
  endingWith(t, server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A server that does with raw connections what `serve` says; its port. */
export const rawServer = (t: TestContext, serve: (socket: Socket) => void): Promise<number> =>
  listening(t, createServer(serve))

/** A server of HTTP; its URL, without a path. */
export async function httpServer(t: TestContext, listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listening(t, createHttpServer(listener))}`
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-transport-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

export interface Proxied {
  readonly url: string
  /** `CONNECT host:port` and `POST http://…`, in order. */
  readonly requests: string[]
  /** The values of Proxy-Authorization, in order; undefined where it was missing. */
  readonly authorizations: (string | undefined)[]
}

/** A forward proxy that leads every name to `port` on loopback, whatever port was asked for. */
export async function forwardProxy(t: TestContext, port: () => number): Promise<Proxied> {
  const requests: string[] = []
  const authorizations: (string | undefined)[] = []
  const proxy: HttpServer = createHttpServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    authorizations.push(request.headers['proxy-authorization'])
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/x-protobuf')
      response.end()
    })
  })
  proxy.on('connect', (request, client: Socket) => {
    requests.push(`CONNECT ${request.url}`)
    authorizations.push(request.headers['proxy-authorization'])
    const server = connect(port(), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      server.pipe(client).pipe(server)
    })
    server.on('error', () => client.destroy())
    client.on('error', () => server.destroy()).on('close', () => server.destroy())
  })
  return { url: `http://127.0.0.1:${await listening(t, proxy)}`, requests, authorizations }
}

export interface Certificates {
  readonly directory: string
  readonly caFile: string
  /** Of localhost and 127.0.0.1. */
  readonly server: { readonly certFile: string; readonly keyFile: string }
  readonly client: { readonly certFile: string; readonly keyFile: string }
  /** Another pair for a client of the same authority, by its common name. */
  issue(name: string): { readonly certFile: string; readonly keyFile: string }
}

/** Why there are none; undefined where openssl is there. */
export function noCertificates(): string | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'needs openssl to make certificates'
  }
}

/** An authority of its own, and what it issued. */
export function certificates(t: TestContext): Certificates {
  const directory = temporaryDirectory(t)
  const at = (name: string): string => join(directory, name)
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl(
    'req',
    '-x509',
    ...newKey,
    ...['-keyout', at('ca.key'), '-out', at('ca.pem')],
    ...['-subj', '/CN=Test CA'],
  )
  writeFileSync(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  const issue = (name: string) => {
    const [keyFile, request, certFile] = [at(`${name}.key`), at(`${name}.csr`), at(`${name}.pem`)]
    openssl('req', ...newKey, ...['-keyout', keyFile, '-out', request, '-subj', `/CN=${name}`])
    const authority = [
      '-CA',
      at('ca.pem'),
      '-CAkey',
      at('ca.key'),
      '-CAcreateserial',
      '-extfile',
      at('names'),
    ]
    openssl('x509', '-req', ...['-in', request, '-out', certFile], ...authority)
    return { certFile, keyFile }
  }
  return { directory, caFile: at('ca.pem'), server: issue('server'), client: issue('client'), issue }
}
