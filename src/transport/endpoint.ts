// Where payloads go: what both transports are told of it, and what they make of that.

import { type Clock, systemClock } from '../base/clock.ts'
import { AgentError } from '../core/errors.ts'
import type { Milliseconds } from '../core/units.ts'
import type { TimeLimit } from './deadline.ts'
import { Dialer } from './dial.ts'
import { EndpointHeaders, type HeaderOptions, type Headers } from './headers.ts'
import {
  basicAuthorization,
  type Environment,
  type HttpProxy,
  hostAndPort,
  hostOf,
  portOf,
  proxyFor,
} from './proxy.ts'
import { Secrets } from './secrets.ts'
import { TlsCredentials, type TlsOptions } from './tls.ts'

export interface EndpointOptions extends HeaderOptions {
  /** http or https; a user and password in it are sent as Basic authorization. */
  readonly url: string
  /** A Unix socket to send to; the URL then says path and Host only. */
  readonly socketPath?: string | undefined
  /** `sonde/0.1.0`. */
  readonly userAgent: string
  /** One attempt's time: to connect, to send, and for the answer. */
  readonly timeoutMs: Milliseconds
  /** What `timeoutMs` is measured by; the system's without a word. */
  readonly clock?: Clock | undefined
  readonly tls?: TlsOptions | undefined
  /** Where HTTPS_PROXY and its kin are looked up; without it no proxy is used. */
  readonly environment?: Environment | undefined
}

/** Headers that say nothing about whoever sends: an answer has the same media type, and must be read as it is. */
const PUBLIC: readonly string[] = [
  'accept',
  'content-type',
  'dd-evp-origin',
  'dd-evp-origin-version',
  'user-agent',
]

export class Endpoint {
  readonly url: URL
  /** Without credentials and query. */
  readonly target: string
  readonly proxy: HttpProxy | undefined
  readonly limit: TimeLimit
  readonly dialer: Dialer
  readonly #headers: EndpointHeaders
  readonly #authorization: string | undefined

  /** @throws AgentError for options that cannot work: TRANSPORT.URL, .HEADER, .PROXY, .TLS_FILE */
  constructor(options: EndpointOptions, protocol: 'HTTP/1.1' | 'HTTP/2') {
    const { socketPath, environment = {} } = options
    this.url = parsed(options.url)
    this.target = targetOf(this.url, socketPath)
    this.proxy =
      socketPath === undefined
        ? proxyFor(this.url, protocol === 'HTTP/2' ? 'grpc' : 'http', environment)
        : undefined
    this.dialer = new Dialer({
      url: this.url,
      socketPath,
      proxy: this.proxy,
      protocol,
      credentials: new TlsCredentials(options.tls ?? {}),
    })
    this.limit = { timeoutMs: options.timeoutMs, clock: options.clock ?? systemClock }
    this.#headers = new EndpointHeaders(options)
    this.#authorization = basicAuthorization(this.url)
  }

  /** As the Host header has it. */
  get authority(): string {
    return this.url.host
  }

  /**
   * What this request is sent with, and what of it must not be read anywhere.
   * @param signal ends the wait for the file of headers
   * @throws AgentError (TRANSPORT.HEADERS_FILE)
   */
  async headers(signal: AbortSignal): Promise<{ readonly headers: Headers; readonly secrets: Secrets }> {
    const authorization = this.#authorization === undefined ? {} : { authorization: this.#authorization }
    const headers: Headers = { ...authorization, ...(await this.#headers.read(signal)) }
    const proxy = this.proxy?.authorization
    const values = Object.entries(headers).flatMap(([name, value]) => (PUBLIC.includes(name) ? [] : [value]))
    return { headers, secrets: new Secrets([...values, ...(proxy ? [proxy] : [])]) }
  }
}

/** The URL itself may hold a password: it is in no error. */
function parsed(text: string): URL {
  const url = URL.parse(text)
  if (url !== null && ['http:', 'https:'].includes(url.protocol)) return url
  throw new AgentError(
    'TRANSPORT.URL',
    'The endpoint is not a URL that Sonde can send to: it has to begin with http:// or https://.',
  )
}

function targetOf(url: URL, socketPath: string | undefined): string {
  if (socketPath !== undefined) return `unix:${socketPath}${url.pathname}`
  const path = url.pathname === '/' ? '' : url.pathname
  return `${url.protocol}//${hostAndPort(hostOf(url), portOf(url))}${path}`
}
