// Payloads over HTTP/1.1: one POST for each.

import { Agent } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Delivery, Payload, Transport } from '../core/delivery.ts'
import { messageOf } from '../core/errors.ts'
import { Deadline, TimeOver } from './deadline.ts'
import { Endpoint, type EndpointOptions } from './endpoint.ts'
import type { Headers } from './headers.ts'
import { type Exchange, exchange, type WholeRequest } from './http-exchange.ts'
import { type HttpJudge, type HttpResponse, notReached, notTaken, perhapsTaken, refused } from './response.ts'
import type { Secrets } from './secrets.ts'
import { inWords, isTlsRefusal, outOfTime } from './trouble.ts'
import { proxyRefusal } from './tunnel.ts'
import { oneLine } from './words.ts'

export interface HttpTransportOptions extends EndpointOptions {
  /** What an answer means. */
  readonly judge: HttpJudge
  /** Whether a connection is used for more than one request; on without a word. */
  readonly keepAlive?: boolean | undefined
}

/** After which an unused connection is closed: before load balancers do (60 s), which would cost a request. */
const IDLE_MS = 30_000

/** @throws AgentError for options that cannot work: TRANSPORT.URL, .HEADER, .PROXY, .TLS_FILE */
export const httpTransport = (options: HttpTransportOptions): Transport => new HttpTransport(options)

class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions
  readonly #endpoint: Endpoint
  readonly #agent: DialingAgent
  #closed = false

  constructor(options: HttpTransportOptions) {
    this.#options = options
    this.#endpoint = new Endpoint(options, 'HTTP/1.1')
    this.#agent = new DialingAgent(this.#endpoint, options)
  }

  get target(): string {
    return this.#endpoint.target
  }

  async send(payload: Payload, signal: AbortSignal): Promise<Delivery> {
    signal.throwIfAborted()
    if (this.#closed) return notReached('the connection to the endpoint was closed by Sonde itself')
    const deadline = new Deadline(this.#endpoint.limit, signal)
    try {
      const { headers, secrets } = await this.#endpoint.headers(deadline.signal)
      const made = await exchange(this.#request(payload, headers), deadline.signal)
      if (made.response === undefined) signal.throwIfAborted()
      return this.#deliveryOf(made, secrets)
    } catch (error) {
      signal.throwIfAborted()
      return notReached(messageOf(error))
    } finally {
      deadline.release()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#agent.close()
  }

  #request(payload: Payload, headers: Headers): WholeRequest {
    const { url, proxy, authority } = this.#endpoint
    // What goes through a tunnel is none of the proxy's business; a plain request is addressed to it.
    const toProxy = proxy !== undefined && url.protocol === 'http:'
    const path = `${url.pathname}${url.search}`
    return {
      agent: this.#agent,
      path: toProxy ? `${url.origin}${path}` : path,
      body: payload.body,
      headers: {
        host: authority,
        'user-agent': this.#options.userAgent,
        ...(toProxy && proxy.authorization ? { 'proxy-authorization': proxy.authorization } : {}),
        ...payload.headers,
        ...headers,
        ...(payload.encoding === 'identity' ? {} : { 'content-encoding': payload.encoding }),
        'content-length': String(payload.body.length),
      },
    }
  }

  #deliveryOf({ response, failure, ...made }: Exchange, secrets: Secrets): Delivery {
    if (response !== undefined) return this.#judged(masked(response, secrets))
    const reason = this.#failureInWords(failure, made)
    if (!made.connected || isTlsRefusal(failure)) return notReached(reason)
    return made.written ? perhapsTaken(reason) : notTaken(reason)
  }

  #failureInWords(failure: unknown, { connected, written }: Pick<Exchange, 'connected' | 'written'>): string {
    const { peer } = this.#endpoint.dialer
    if (!(failure instanceof TimeOver)) return inWords(failure, peer)
    const reached = written ? 'written' : connected ? 'connected' : 'nothing'
    return outOfTime(peer, reached, this.#options.timeoutMs)
  }

  #judged(response: HttpResponse): Delivery {
    const { status, headers } = response
    const { url, proxy, dialer } = this.#endpoint
    if (status >= 300 && status < 400) return refused(redirection(status, headers.location, url))
    if (status === 407 && proxy !== undefined) return notReached(proxyRefusal(proxy, status, ''))
    if (status === 400 && !dialer.peer.secure && wantedTls(response)) {
      return notReached(`${dialer.peer.name} speaks TLS: the URL has to begin with https`)
    }
    return this.#options.judge(response)
  }
}

/** Connections that the dialer makes, whatever they lead through. */
class DialingAgent extends Agent {
  readonly #endpoint: Endpoint
  readonly #closing = new AbortController()

  constructor(endpoint: Endpoint, { keepAlive = true }: HttpTransportOptions) {
    super({ keepAlive, timeout: IDLE_MS, maxFreeSockets: 1 })
    this.#endpoint = endpoint
  }

  override createConnection(
    _options: unknown,
    done?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    // A request that is given up does not end what the agent began for it.
    const deadline = new Deadline(this.#endpoint.limit, this.#closing.signal)
    const settle = done as unknown as (error: Error | null, socket?: Duplex) => void
    this.#endpoint.dialer
      .dial(deadline.signal)
      .then(
        (socket) => settle(null, socket),
        (error) => settle(error as Error),
      )
      .finally(() => deadline.release())
  }

  close(): void {
    this.#closing.abort(new Error('closed'))
    this.destroy()
  }
}

/** Servers repeat what they were sent, secrets included. */
const masked = ({ status, headers, body }: HttpResponse, secrets: Secrets): HttpResponse => ({
  status,
  headers: Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? secrets.inText(value) : value?.map((one) => secrets.inText(one)),
    ]),
  ),
  body: secrets.inBytes(body),
})

/** A URL's query and user may be secrets. */
function redirection(status: number, location: string | undefined, from: URL): string {
  const to = location === undefined ? null : URL.parse(location, from)
  const where = to === null ? 'elsewhere' : `to ${oneLine(`${to.protocol}//${to.host}${to.pathname}`)}`
  return `answered ${status}: it redirects ${where}, which is not followed: set the endpoint to where it really is`
}

/** What nginx, Go and others answer on a port for TLS. */
const wantedTls = ({ body }: HttpResponse): boolean =>
  /HTTP request (?:was sent )?to (?:an )?HTTPS/i.test(Buffer.from(body).toString('latin1'))
