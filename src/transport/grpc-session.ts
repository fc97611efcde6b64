// The one session of HTTP/2 to an endpoint: kept, watched with PING, and opened again when it died.

import { type ClientHttp2Session, connect, constants } from 'node:http2'
import type { Clock } from '../base/clock.ts'
import type { Milliseconds } from '../core/units.ts'
import type { Dialer } from './dial.ts'
import { inWords, type Peer, Unreachable } from './trouble.ts'

export interface PingOptions {
  /** How long nothing may be heard before the other side is asked for a sign of life. */
  readonly everyMs: Milliseconds
  /** How long the sign may take. */
  readonly withinMs: Milliseconds
}

/** By whose time it is watched. */
export interface Watch extends PingOptions {
  readonly clock: Clock
}

/** A session, and what is known of its end. */
export class GrpcSession {
  readonly http2: ClientHttp2Session
  readonly #ping: Watch
  readonly #peer: Peer
  #heard: number
  #ending: Unreachable | undefined
  #asking: Promise<void> | undefined
  #lastProcessed = Number.POSITIVE_INFINITY

  constructor(http2: ClientHttp2Session, peer: Peer, ping: Watch) {
    this.http2 = http2
    this.#ping = ping
    this.#heard = ping.clock.now()
    this.#peer = peer
    http2.on('goaway', (code, lastStreamId) => {
      this.#lastProcessed = lastStreamId
      if (code !== constants.NGHTTP2_NO_ERROR)
        this.#ending ??= new Unreachable(`${peer.name} ended the connection (GOAWAY ${code})`)
    })
    // Told to whoever has a request under way.
    http2.on('error', (error) => this.#endedBy(error))
    http2.unref()
  }

  /** Whether a request can begin. */
  get isOpen(): boolean {
    return !this.http2.closed && !this.http2.destroyed
  }

  /** Why it ended, if it ended badly. */
  get ending(): Unreachable | undefined {
    return this.#ending
  }

  /** Whether the other side said that it did nothing with this stream (RFC 9113, 6.8). */
  leftOut(streamId: number | undefined): boolean {
    return streamId === undefined || streamId > this.#lastProcessed
  }

  /** Something came. */
  heard(): void {
    this.#heard = this.#ping.clock.now()
  }

  /** Nothing came in time: the next use asks for a sign of life first. */
  doubt(): void {
    this.#heard = Number.NEGATIVE_INFINITY
  }

  /** Before it is used again: half-open connections are noticed here. */
  async makeSure(): Promise<void> {
    if (this.isOpen && this.#ping.clock.now() - this.#heard >= this.#ping.everyMs) await this.#askForSign()
  }

  /** Asks for signs of life until it is stopped: while a request is under way. */
  watch(): () => void {
    this.http2.ref()
    const timer = setInterval(() => void this.#askForSign(), this.#ping.everyMs)
    return () => {
      clearInterval(timer)
      if (!this.http2.destroyed) this.http2.unref()
    }
  }

  /** Lets it end when what is under way is over. */
  leave(): void {
    if (!this.http2.destroyed) this.http2.close()
  }

  /** Its socket failed. */
  fail(error: unknown): void {
    this.#endedBy(error)
    this.destroy()
  }

  destroy(): void {
    this.http2.destroy()
  }

  #endedBy(error: unknown): void {
    this.#ending ??= new Unreachable(inWords(error, this.#peer), { cause: error })
  }

  /** One at a time. */
  #askForSign(): Promise<void> {
    this.#asking ??= this.#sign().finally(() => (this.#asking = undefined))
    return this.#asking
  }

  /** Resolves when there was one, and when there was none and the session is destroyed. */
  #sign(): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer)
        this.http2.off('close', settle)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#ending ??= new Unreachable(
          `${this.#peer.name} did not answer a PING within ${this.#ping.withinMs / 1000} s: the connection is dead`,
        )
        this.destroy()
        settle()
      }, this.#ping.withinMs)
      this.http2.on('close', settle)
      const answered = (error: Error | null): void => {
        if (error !== null) return
        this.heard()
        settle()
      }
      // One that goes away takes no PING any more, and may finish its calls.
      if (!this.isOpen || !this.http2.ping(answered)) settle()
    })
  }
}

/** Opens a session; resolves when the other side has shown that it speaks HTTP/2. Rejects with Unreachable. */
export async function openSession(dialer: Dialer, ping: Watch, signal: AbortSignal): Promise<GrpcSession> {
  const socket = await dialer.dial(signal)
  const { peer } = dialer
  const http2 = connect(`${peer.secure ? 'https' : 'http'}://endpoint`, {
    createConnection: () => socket,
    settings: { enablePush: false },
  })
  const session = new GrpcSession(http2, peer, ping)
  socket.on('error', (error) => session.fail(error))
  return new Promise((resolve, reject) => {
    const settle = (done: () => void): void => {
      signal.removeEventListener('abort', aborted)
      http2.off('remoteSettings', ready).off('close', closed)
      socket.off('error', closed)
      done()
    }
    const ready = (): void => settle(() => resolve(session))
    const fail = (error: unknown): void =>
      settle(() => {
        http2.destroy()
        reject(error)
      })
    const closed = (): void => fail(session.ending ?? new Unreachable(notHttp2(peer)))
    const aborted = (): void => fail(signal.reason)
    http2.on('remoteSettings', ready).on('close', closed)
    // A session without streams says nothing of its socket's failure (Node 24): TLS 1.3 refuses clients at this point.
    socket.on('error', closed)
    signal.addEventListener('abort', aborted)
    if (signal.aborted) aborted()
  })
}

const notHttp2 = ({ name, secure }: Peer): string =>
  `${name} closed the connection instead of speaking HTTP/2${secure ? '' : ': if it speaks TLS, the URL has to begin with https'}`
