// The headers that an endpoint wants: from the configuration, and from a file that keeps secrets out of it.

import { validateHeaderName, validateHeaderValue } from 'node:http'
import { AgentError } from '../core/errors.ts'
import { SecretFile } from './secret-file.ts'

export type Headers = Readonly<Record<string, string>>

export interface HeaderOptions {
  readonly headers?: Headers | undefined
  /** Lines `name: value` or `name=value`; empty lines and such that begin with # say nothing. Read for every request. */
  readonly headersFile?: string | undefined
}

const SECRET = { what: 'the file of headers', code: 'TRANSPORT.HEADERS_FILE', maxBytes: 64 * 1024 } as const

/** They say how a message is framed: the transport's own business. */
const RESERVED: readonly string[] = [
  ...['connection', 'content-encoding', 'content-length', 'expect', 'keep-alive', 'proxy-connection', 'te'],
  ...['trailer', 'transfer-encoding', 'upgrade', 'http2-settings', 'grpc-encoding', 'grpc-timeout'],
]

/** Names in lower case. Values never stand in an error: they are secrets, or may be. */
export class EndpointHeaders {
  readonly #fixed: Headers
  readonly #file: SecretFile | undefined

  /** @throws AgentError (TRANSPORT.HEADER) for a header that cannot be sent */
  constructor({ headers = {}, headersFile }: HeaderOptions) {
    this.#file = headersFile === undefined ? undefined : new SecretFile({ path: headersFile, ...SECRET })
    const fixed: Record<string, string> = {}
    for (const [name, value] of Object.entries(headers)) {
      const problem = problemOf(name, value)
      if (problem !== undefined) throw new AgentError('TRANSPORT.HEADER', `${problem}.`)
      fixed[name.toLowerCase()] = value
    }
    this.#fixed = fixed
  }

  /**
   * Those of the file come after the others and replace them.
   * @param signal ends the wait for the file
   * @throws AgentError (TRANSPORT.HEADERS_FILE) where the file cannot be read, or has a line that is no header
   */
  async read(signal: AbortSignal): Promise<Headers> {
    if (this.#file === undefined) return this.#fixed
    return { ...this.#fixed, ...parseHeaders(await this.#file.read(signal), this.#file.path) }
  }
}

function parseHeaders(text: string, path: string): Headers {
  const headers: Record<string, string> = {}
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, name, value = ''] = /^([^:=]*)[:=](.*)$/.exec(line.trim()) ?? []
    const where = `the file of headers ${path}, line ${index + 1}`
    if (name === undefined) throw unusable(`${where}: it has to be "name: value" or "name=value"`)
    const problem = problemOf(name.trim(), value.trim())
    if (problem !== undefined) throw unusable(`${where}: ${problem}`)
    headers[name.trim().toLowerCase()] = value.trim()
  }
  return headers
}

const unusable = (message: string): AgentError => new AgentError(SECRET.code, message)

/** Why a header cannot be sent, without its value. */
function problemOf(name: string, value: string): string | undefined {
  try {
    validateHeaderName(name)
  } catch {
    // What stands there may be a value whose name was forgotten.
    return 'A header has a name that HTTP does not allow'
  }
  if (RESERVED.includes(name.toLowerCase())) return `The header ${name} is set by Sonde itself: leave it out`
  try {
    validateHeaderValue(name, value)
  } catch {
    return `The value of the header ${name} has characters that HTTP does not allow`
  }
  return undefined
}
