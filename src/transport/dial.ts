// Connections to an endpoint: over TCP or a Unix socket, through a proxy, within TLS.

import { connect, isIP, type Socket } from 'node:net'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { type HttpProxy, hostAndPort, hostOf, portOf } from './proxy.ts'
import type { TlsCredentials } from './tls.ts'
import { inWords, noHttp2, type Peer, Unreachable } from './trouble.ts'
import { openTunnel } from './tunnel.ts'

export interface DialOptions {
  readonly url: URL
  readonly socketPath: string | undefined
  readonly proxy: HttpProxy | undefined
  readonly protocol: 'HTTP/1.1' | 'HTTP/2'
  readonly credentials: TlsCredentials
}

/** Makes connections to one endpoint. */
export class Dialer {
  readonly peer: Peer
  readonly #options: DialOptions

  constructor(options: DialOptions) {
    const { url, socketPath, protocol } = options
    const name = socketPath ?? hostAndPort(hostOf(url), portOf(url))
    this.peer = { name, secure: url.protocol === 'https:', protocol }
    this.#options = options
  }

  /** Rejects with Unreachable; with the signal's reason when it aborts. */
  async dial(signal: AbortSignal): Promise<Socket> {
    const carrier = await this.#carrier(signal)
    if (!this.peer.secure) return carrier
    const { url, credentials } = this.#options
    const host = credentials.serverName ?? hostOf(url)
    const secured = tlsConnect({
      socket: carrier,
      // Of whom the certificate has to be; the name is sent only where it is one.
      host,
      servername: isIP(host) === 0 ? host : '',
      secureContext: credentials.context(),
      ALPNProtocols: [this.peer.protocol === 'HTTP/2' ? 'h2' : 'http/1.1'],
    })
    const socket = await established(secured, 'secureConnect', { peer: this.peer, signal })
    if (this.peer.protocol === 'HTTP/2' && (socket as TLSSocket).alpnProtocol !== 'h2') {
      socket.destroy()
      throw new Unreachable(noHttp2(this.peer.name))
    }
    return socket
  }

  /** What TLS, or plain HTTP, is spoken over. */
  async #carrier(signal: AbortSignal): Promise<Socket> {
    const { url, socketPath, proxy } = this.#options
    if (socketPath !== undefined) {
      return established(connect({ path: socketPath }), 'connect', { peer: this.peer, signal })
    }
    if (proxy === undefined) {
      const socket = connect({ host: hostOf(url), port: portOf(url), noDelay: true })
      return established(socket, 'connect', { peer: this.peer, signal })
    }
    const toProxy = await connectToProxy(proxy, signal)
    // A proxy of HTTP takes whole requests for http URLs; all else goes through a tunnel.
    const wantsTunnel = this.peer.secure || this.peer.protocol === 'HTTP/2'
    return wantsTunnel ? openTunnel(toProxy, { proxy, to: this.peer.name }, signal) : toProxy
  }
}

function connectToProxy(proxy: HttpProxy, signal: AbortSignal): Promise<Socket> {
  const { host, port, secure } = proxy
  const peer: Peer = { name: `the proxy ${proxy.name}`, secure, protocol: 'HTTP/1.1' }
  if (!secure) return established(connect({ host, port, noDelay: true }), 'connect', { peer, signal })
  const socket = tlsConnect({ host, port, servername: isIP(host) === 0 ? host : '' })
  return established(socket, 'secureConnect', { peer, signal })
}

interface Waiting {
  readonly peer: Peer
  readonly signal: AbortSignal
}

/** The socket once it is connected; otherwise it is destroyed. */
function established(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  { peer, signal }: Waiting,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // Later on, whoever uses it asks; an error that comes before must not end the process.
    socket.on('error', () => undefined)
    const settle = (done: () => void): void => {
      signal.removeEventListener('abort', aborted)
      socket.off(event, connected).off('error', failed).off('close', closed)
      done()
    }
    const fail = (error: unknown): void =>
      settle(() => {
        socket.destroy()
        reject(error)
      })
    const aborted = (): void => fail(signal.reason)
    const failed = (error: unknown): void => fail(new Unreachable(inWords(error, peer)))
    const closed = (): void => fail(new Unreachable(`${peer.name} closed the connection`))
    const connected = (): void => settle(() => resolve(socket))
    socket.on(event, connected).on('error', failed).on('close', closed)
    signal.addEventListener('abort', aborted)
    if (signal.aborted) aborted()
  })
}
