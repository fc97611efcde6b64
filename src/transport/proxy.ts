// Which proxy leads to an endpoint, by the usual variables of the environment.

import { BlockList, isIP } from 'node:net'
import { AgentError } from '../core/errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface HttpProxy {
  readonly host: string
  readonly port: number
  /** Whether the proxy itself is spoken to over TLS. */
  readonly secure: boolean
  /** `host:port`, for people. */
  readonly name: string
  /** The value of Proxy-Authorization: a secret. */
  readonly authorization: string | undefined
}

/**
 * The proxy for `url`; undefined: none. Lower-case names win, as with curl. gRPC asks for grpc_proxy, https_proxy and
 * http_proxy, whatever the URL's scheme, and no_grpc_proxy before no_proxy, as @grpc/grpc-js does.
 * @throws AgentError (TRANSPORT.PROXY) for a proxy that is no http or https URL; never with its value
 */
export function proxyFor(
  url: URL,
  protocol: 'http' | 'grpc',
  environment: Environment,
): HttpProxy | undefined {
  const found = firstOf(environment, variablesFor(url, protocol))
  if (found === undefined) return undefined
  const exceptions = firstOf(environment, protocol === 'grpc' ? ['no_grpc_proxy', 'no_proxy'] : ['no_proxy'])
  if (exceptions !== undefined && isException(url, exceptions.value)) return undefined
  return parseProxy(found.name, found.value)
}

function variablesFor(url: URL, protocol: 'http' | 'grpc'): readonly string[] {
  if (protocol === 'grpc') return ['grpc_proxy', 'https_proxy', 'http_proxy']
  return url.protocol === 'https:' ? ['https_proxy'] : ['http_proxy']
}

function firstOf(
  environment: Environment,
  names: readonly string[],
): { readonly name: string; readonly value: string } | undefined {
  for (const name of names.flatMap((lower) => [lower, lower.toUpperCase()])) {
    const value = environment[name]?.trim() ?? ''
    if (value !== '') return { name, value }
  }
  return undefined
}

function parseProxy(variable: string, value: string): HttpProxy {
  const url = URL.parse(value.includes('://') ? value : `http://${value}`)
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new AgentError(
      'TRANSPORT.PROXY',
      `${variable} is not the URL of a proxy: it has to be http://host:port or https://host:port.`,
    )
  }
  const secure = url.protocol === 'https:'
  const host = hostOf(url)
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  return { host, port, secure, name: hostAndPort(host, port), authorization: basicAuthorization(url) }
}

/** The Authorization header that a URL's user and password stand for; a secret. */
export function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  const credentials = `${percentDecoded(username)}:${percentDecoded(password)}`
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Without the brackets of an IPv6 address. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1')

export const portOf = (url: URL): number =>
  url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)

export const hostAndPort = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

/**
 * Entries of NO_PROXY, separated by commas or spaces: `*`; a name, with or without a dot before it, which stands for
 * names below it, too; `*.name`, only for those; an address; a network (10.0.0.0/8); a range (10.0.0.1-10.0.0.9). With
 * `:port` behind it only that port is meant.
 */
function isException(url: URL, exceptions: string): boolean {
  const host = hostOf(url).toLowerCase().replace(/\.$/, '')
  const port = portOf(url)
  return exceptions
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && matches(entry, host, port))
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true
  const { name, onlyPort } = entryParts(entry)
  if (onlyPort !== undefined && onlyPort !== port) return false
  if (isIP(host) !== 0) return coversAddress(name, host)
  if (name.startsWith('*.')) return host.endsWith(name.slice(1))
  const domain = name.replace(/^\./, '')
  return host === domain || host.endsWith(`.${domain}`)
}

function entryParts(entry: string): { readonly name: string; readonly onlyPort?: number } {
  if (isIP(entry) !== 0) return { name: entry }
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? []
  const name = bracketed ?? plain ?? entry
  return port === undefined ? { name } : { name, onlyPort: Number(port) }
}

function coversAddress(entry: string, address: string): boolean {
  const list = new BlockList()
  const [first = '', prefix] = entry.split('/')
  const [from = '', to] = first.split('-')
  const family = familyOf(from)
  if (family === undefined) return false
  try {
    if (prefix !== undefined) list.addSubnet(from, Number(prefix), family)
    else if (to !== undefined) list.addRange(from, to, family)
    else list.addAddress(from, family)
  } catch {
    // No such network or range: it covers nothing.
    return false
  }
  return list.check(address, familyOf(address)!)
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  switch (isIP(address)) {
    case 4:
      return 'ipv4'
    case 6:
      return 'ipv6'
    default:
      return undefined
  }
}
