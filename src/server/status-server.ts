// Answers `sonde status`: HTTP on a Unix socket in the data directory.

import { chmod, lstat, rm } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { AgentError, errnoOf, messageOf } from '../core/errors.ts'
import { exactJson } from '../core/exact-json.ts'
import { STATUS_PATH, type Status } from '../core/status.ts'

export interface StatusServerOptions {
  /** Of the socket. Nobody else may serve it: whoever starts this holds the lock of its directory. */
  readonly path: string
  readonly status: () => Status
  /** A client that has not asked by then is sent away. */
  readonly patienceMs?: number
}

export interface StatusServer {
  /** Removes the socket. Safe twice. */
  close(): Promise<void>
}

/** sizeof(sockaddr_un.sun_path), less the zero at its end. Longer paths would be cut without a word. */
const MAX_SOCKET_PATH_BYTES = 107
const MAX_CLIENTS = 4
const PATIENCE_MS = 5_000
/** A request is a line; what a client may send besides. */
const MAX_HEADER_BYTES = 4096

/** @throws AgentError `STATUS.NO_SOCKET` */
export async function serveStatus(options: StatusServerOptions): Promise<StatusServer> {
  const { path, patienceMs = PATIENCE_MS } = options
  const bytes = Buffer.byteLength(path)
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw noSocket(path, `its path has ${bytes} bytes, and sockets may have ${MAX_SOCKET_PATH_BYTES}`)
  }
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: patienceMs,
      requestTimeout: patienceMs,
      connectionsCheckingInterval: Math.min(1_000, patienceMs),
      keepAliveTimeout: 1,
    },
    answering(options.status),
  )
  server.maxConnections = MAX_CLIENTS
  // Also one that says nothing at all, or does not read the answer.
  server.setTimeout(patienceMs, (socket) => socket.destroy())
  server.unref()
  try {
    await removeStale(path)
    await listening(server, path)
    // Until here the directory, which only its owner may enter, kept others out.
    await chmod(path, 0o600)
  } catch (error) {
    server.close()
    throw noSocket(path, errnoOf(error) ?? messageOf(error), error)
  }
  return { close: () => closed(server) }
}

const noSocket = (path: string, why: string, cause?: unknown): AgentError =>
  new AgentError('STATUS.NO_SOCKET', `sonde status cannot ask this agent: no socket ${path}: ${why}.`, {
    cause,
  })

/** Of an agent that was killed. Anything but a socket is somebody's, and stays. */
async function removeStale(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isSocket()) await rm(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

const listening = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path, backlog: MAX_CLIENTS }, () => {
      server.off('error', reject)
      // A socket that fails later (too many open files) is no reason to end.
      server.on('error', () => undefined)
      resolve()
    })
  })

const answering =
  (status: () => Status): RequestListener =>
  (request, response) => {
    request.resume()
    response.setHeader('connection', 'close')
    if (request.method !== 'GET' || request.url !== STATUS_PATH) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end(`There is only GET ${STATUS_PATH}.\n`)
      return
    }
    try {
      const body = exactJson(status())
      response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    } catch (error) {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`${messageOf(error)}\n`)
    }
  }

/** Node removes the socket's file when its server closes. */
const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
