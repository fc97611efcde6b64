// Why a connection failed, in words that say where to look.

import { errnoOf, messageOf } from '../core/errors.ts'
import type { Milliseconds } from '../core/units.ts'
import { oneLine } from './words.ts'

/** A failure that is told in words already. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

export interface Peer {
  /** `host:port`, or the path of a socket. */
  readonly name: string
  /** Whether TLS is spoken to it. */
  readonly secure: boolean
  /** What is spoken to it, within TLS or without. */
  readonly protocol: 'HTTP/1.1' | 'HTTP/2'
}

/** Of an error that a socket, TLS or a parser of HTTP reported. */
export function inWords(error: unknown, peer: Peer): string {
  if (error instanceof Unreachable) return error.message
  const code = codeOf(error)
  return (
    ofConnection(code, peer) ??
    ofTls(code, error, peer) ??
    ofProtocol(code, error, peer) ??
    `${peer.name}: ${oneLine(messageOf(error) || code)}`
  )
}

/** Of the first where several addresses of a name were tried. */
function codeOf(error: unknown): string {
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : undefined
  return errnoOf(error) ?? errnoOf(first) ?? ''
}

/** Of an attempt whose time was over, by how far it came. */
export function outOfTime(
  { name }: Peer,
  reached: 'nothing' | 'connected' | 'written',
  timeoutMs: Milliseconds,
): string {
  const within = `within ${timeoutMs / 1000} s`
  switch (reached) {
    case 'nothing':
      return `no connection to ${name} ${within}: check routes and firewalls`
    case 'connected':
      return `${name} did not take the whole request ${within}`
    case 'written':
      return `${name} did not answer ${within}`
  }
}

function ofConnection(code: string, { name, secure }: Peer): string | undefined {
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing listens on ${name} (${code})`
    case 'ENOENT':
      return `there is no socket ${name} (${code})`
    case 'EACCES':
    case 'EPERM':
      return `not allowed to connect to ${name} (${code})`
    case 'ENOTFOUND':
      return `the host name of ${name} is not known (${code}): check the name, and DNS`
    case 'EAI_AGAIN':
      return `the host name of ${name} could not be looked up: DNS does not answer (${code})`
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `there is no way to ${name} (${code}): check routes and firewalls`
    case 'ETIMEDOUT':
      return `${name} does not answer (${code}): check routes and firewalls`
    case 'ECONNRESET':
    case 'EPIPE':
      return `${name} closed the connection before it answered (${code})${secure ? '' : ': if it speaks TLS, the URL has to begin with https'}`
    default:
      return undefined
  }
}

/** OpenSSL's verdicts on certificates, as X509_verify_cert_error(3) has them, and Node's own. */
const CERTIFICATE =
  /^(?:UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS_CERT|INVALID_CA|HOSTNAME_MISMATCH|PATH_LENGTH|CRL_)/

function ofTls(code: string, error: unknown, { name }: Peer): string | undefined {
  const said = oneLine(messageOf(error))
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `the certificate of ${name} is for another name: ${said} (${code})`
  }
  if (/^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)/.test(code)) {
    return `the certificate of ${name} is not valid now: ${said} (${code})`
  }
  if (CERTIFICATE.test(code)) {
    return `the certificate of ${name} is not trusted: ${said} (${code}): set the CA file to that of its authority`
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code)) {
    return `${name} does not speak TLS (${code}): if that is meant, the URL has to begin with http:`
  }
  if (/NO_APPLICATION_PROTOCOL/.test(code)) return noHttp2(name)
  if (/ALERT.*(?:CERTIFICATE|UNKNOWN_CA)|CERTIFICATE_REQUIRED/.test(code)) {
    return `${name} does not accept the client certificate, or wants one (${code}): check its file and key`
  }
  return /^ERR_(?:SSL|TLS)/.test(code) ? `TLS with ${name} failed: ${said} (${code})` : undefined
}

/** What a server behind TLS says, that does not know gRPC's protocol. */
export const noHttp2 = (name: string): string =>
  `${name} offers no HTTP/2, which gRPC needs: is it the port for OTLP over HTTP?`

/** Whether the other side ended the handshake of TLS, which with TLS 1.3 shows after the request was written. */
export const isTlsRefusal = (error: unknown): boolean =>
  /^ERR_SSL.*(?:CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|WRONG_VERSION|PROTOCOL_VERSION)/.test(codeOf(error))

function ofProtocol(code: string, error: unknown, { name, protocol }: Peer): string | undefined {
  if (protocol === 'HTTP/2') {
    return /^ERR_HTTP2/.test(code)
      ? `${name} does not speak HTTP/2 as gRPC does (${oneLine(messageOf(error))}): is it the port for OTLP over HTTP?`
      : undefined
  }
  if (!code.startsWith('HPE_')) return undefined
  switch (speaks(error)) {
    case 'TLS':
      return `${name} speaks TLS: the URL has to begin with https`
    case 'HTTP/2':
      return `${name} speaks HTTP/2: is it the port for gRPC?`
    case undefined:
      return `${name} answered with what is no HTTP (${code})`
  }
}

/** What the bytes that were taken for HTTP/1.1 are: an alert of TLS, or a SETTINGS frame. */
export function speaks(error: unknown): 'TLS' | 'HTTP/2' | undefined {
  const { rawPacket: raw } = error as { readonly rawPacket?: Uint8Array }
  if (raw === undefined || raw.length < 4) return undefined
  if (raw[0] === 0x15 && raw[1] === 3) return 'TLS'
  return raw[0] === 0 && raw[1] === 0 && raw[3] === 4 ? 'HTTP/2' : undefined
}
