// A tunnel through a proxy of HTTP: CONNECT (RFC 9110, 9.3.6).

import type { Socket } from 'node:net'
import type { HttpProxy } from './proxy.ts'
import { inWords, type Peer, Unreachable } from './trouble.ts'
import { saying } from './words.ts'

/** Of the proxy's answer. */
const MAX_HEAD_BYTES = 16 * 1024

export interface TunnelOptions {
  readonly proxy: HttpProxy
  /** `host:port`. */
  readonly to: string
}

/** The same socket, once what is written to it reaches `to`. Rejects with Unreachable, and the socket is destroyed. */
export async function openTunnel(
  socket: Socket,
  { proxy, to }: TunnelOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const authorization = proxy.authorization ? `Proxy-Authorization: ${proxy.authorization}\r\n` : ''
  try {
    socket.write(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n${authorization}\r\n`)
    const head = await headFrom(socket, proxy, signal)
    const [, status, phrase = ''] = /^HTTP\/1\.[01] (\d{3}) ?(.*)/.exec(head) ?? []
    if (status === undefined) throw new Unreachable(`the proxy ${proxy.name} answered with what is no HTTP`)
    if (!status.startsWith('2')) throw new Unreachable(proxyRefusal(proxy, Number(status), phrase))
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** Without credentials; `said` is the proxy's. */
export function proxyRefusal(proxy: HttpProxy, status: number, said: string): string {
  const words = `the proxy ${proxy.name} answered ${status}${saying(said)}`
  if (status !== 407) return words
  return `${words}: it wants ${proxy.authorization ? 'other ' : ''}credentials (http://USER:PASSWORD@${proxy.name})`
}

/** All up to the empty line; what follows it is the tunnel's and stays in the socket. */
function headFrom(socket: Socket, proxy: HttpProxy, signal: AbortSignal): Promise<string> {
  const peer: Peer = { name: `the proxy ${proxy.name}`, secure: proxy.secure, protocol: 'HTTP/1.1' }
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0)
    const settle = (done: () => void): void => {
      signal.removeEventListener('abort', aborted)
      socket.off('readable', read).off('error', failed).off('close', closed).off('end', closed)
      done()
    }
    const read = (): void => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
        head = Buffer.concat([head, chunk])
        const end = head.indexOf('\r\n\r\n')
        if (end < 0 && head.length <= MAX_HEAD_BYTES) continue
        const rest = head.subarray(end < 0 ? head.length : end + 4)
        if (rest.length > 0) socket.unshift(rest)
        settle(() => resolve(head.toString('latin1', 0, end < 0 ? MAX_HEAD_BYTES : end)))
        return
      }
    }
    const aborted = (): void => settle(() => reject(signal.reason))
    const failed = (error: unknown): void => settle(() => reject(new Unreachable(inWords(error, peer))))
    const closed = (): void =>
      settle(() => reject(new Unreachable(`${peer.name} closed the connection instead of opening a tunnel`)))
    socket.on('readable', read).on('error', failed).on('close', closed).on('end', closed)
    signal.addEventListener('abort', aborted)
    if (signal.aborted) aborted()
  })
}
