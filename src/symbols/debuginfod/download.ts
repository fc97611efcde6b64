// One file from one server, bounded in time and bytes.

import { createWriteStream } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { messageOf } from '../../core/errors.ts'

const MAX_REDIRECTS = 3
const MAX_CONNECT_MS = 10_000

export interface DownloadLimits {
  /** From the request to the last byte. */
  readonly timeoutMs: number
  readonly maxBytes: number
}

export type Download =
  | { readonly outcome: 'received' }
  /** The server does not have it. */
  | { readonly outcome: 'missing' }
  /** Asking for it again is of no use soon: it is too large. */
  | { readonly outcome: 'refused'; readonly reason: string }
  /** The server is not well. */
  | { readonly outcome: 'failed'; readonly reason: string }

/** Writes what `url` gives to `path`, which may be left half-written unless it was received. Never rejects. */
export async function download(
  url: URL,
  path: string,
  limits: DownloadLimits,
  stopped: AbortSignal,
): Promise<Download> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(limits.timeoutMs)])
  try {
    const response = await responseOf(url, signal, Math.min(MAX_CONNECT_MS, limits.timeoutMs))
    return await take(response, path, limits.maxBytes, signal)
  } catch (error) {
    if (error instanceof TooLarge) return { outcome: 'refused', reason: error.message }
    const late = signal.aborted && !stopped.aborted
    return {
      outcome: 'failed',
      reason: late ? `it took longer than ${limits.timeoutMs} ms` : messageOf(error),
    }
  }
}

class TooLarge extends Error {}

async function take(
  response: IncomingMessage,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Download> {
  const { statusCode = 0, headers } = response
  const refuse = (download: Download): Download => {
    response.destroy()
    return download
  }
  if (statusCode === 404) return refuse({ outcome: 'missing' })
  if (statusCode !== 200) return refuse({ outcome: 'failed', reason: `the server answers ${statusCode}` })
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') {
    return refuse({
      outcome: 'failed',
      reason: `the server sends it as ${encoding}, which was not asked for`,
    })
  }
  if (Number(headers['content-length'] ?? 0) > maxBytes) {
    return refuse({ outcome: 'refused', reason: `it has ${headers['content-length']} bytes` })
  }
  await pipeline(response, upTo(maxBytes), createWriteStream(path, { mode: 0o600 }), { signal })
  return { outcome: 'received' }
}

/** Passes bytes on until there are too many. */
function upTo(maxBytes: number): Transform {
  let total = 0
  return new Transform({
    transform(chunk: Buffer, _, done) {
      total += chunk.length
      if (total > maxBytes) done(new TooLarge(`it has more than ${maxBytes} bytes`))
      else done(null, chunk)
    },
  })
}

/** Follows a few redirections, never from https to http. */
async function responseOf(url: URL, signal: AbortSignal, connectMs: number): Promise<IncomingMessage> {
  let from = url
  for (let redirects = 0; ; redirects++) {
    const response = await answerOf(from, signal, connectMs)
    const { statusCode = 0, headers } = response
    const moved = statusCode >= 300 && statusCode < 400 && headers.location !== undefined
    if (!moved) return response
    response.destroy()
    const to = URL.parse(headers.location ?? '', from.href)
    const allowed = to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:')
    if (to === null || !allowed) throw new Error(`the server sends us to ${headers.location}`)
    if (redirects >= MAX_REDIRECTS) throw new Error('the server sends us from place to place')
    from = to
  }
}

function answerOf(url: URL, signal: AbortSignal, connectMs: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const ask = url.protocol === 'https:' ? httpsRequest : httpRequest
    const headers = { 'user-agent': 'sonde', 'accept-encoding': 'identity' }
    const request = ask(url, { signal, headers, agent: false })
    const connecting = setTimeout(
      () => request.destroy(new Error(`no connection within ${connectMs} ms`)),
      connectMs,
    )
    const connected = () => clearTimeout(connecting)
    request.once('socket', (socket) => {
      if (socket.connecting) socket.once('connect', connected)
      else connected()
    })
    request.once('response', resolve)
    request.once('error', reject)
    request.once('close', connected)
    request.end()
  })
}
