// The files of a TLS client, which certificate managers replace while we run.

import { readFileSync, statSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import { AgentError, messageOf } from '../core/errors.ts'

export interface TlsOptions {
  /** PEM; these authorities are trusted instead of the system's. */
  readonly caFile?: string | undefined
  /** PEM, the client's certificate and what leads to its authority; goes with `keyFile`. */
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** The name that the server's certificate has to have, where it is not the URL's host. */
  readonly serverName?: string | undefined
}

/** What connections are made with: read when it is made, and again when a file changed. */
export class TlsCredentials {
  readonly serverName: string | undefined
  readonly #options: TlsOptions
  #context: SecureContext
  #version: string

  /** @throws AgentError (TRANSPORT.TLS_FILE): which file, and why */
  constructor(options: TlsOptions) {
    const { certFile, keyFile, serverName } = options
    if ((certFile === undefined) !== (keyFile === undefined)) {
      throw new AgentError(
        'TRANSPORT.TLS_FILE',
        'A client certificate needs both its file and its key: set both, or neither.',
      )
    }
    this.serverName = serverName
    this.#options = options
    this.#context = contextOf(options)
    this.#version = versionOf(options)
  }

  /** For a new connection. While files are being replaced, and fit each other no more, it is what they were before. */
  context(): SecureContext {
    try {
      const version = versionOf(this.#options)
      if (version !== this.#version) {
        this.#context = contextOf(this.#options)
        this.#version = version
      }
    } catch {
      // The next connection tries again.
    }
    return this.#context
  }
}

const FILES = ['caFile', 'certFile', 'keyFile'] as const

/** Changes when one of the files does. Links are followed: Kubernetes replaces a link to a directory. */
function versionOf(options: TlsOptions): string {
  const versions = FILES.map((name) => {
    const path = options[name]
    if (path === undefined) return ''
    const { ino, mtimeMs, size } = statSync(path)
    return `${ino} ${mtimeMs} ${size}`
  })
  return versions.join(',')
}

function contextOf({ caFile, certFile, keyFile }: TlsOptions): SecureContext {
  const ca = caFile === undefined ? undefined : certificatesIn(caFile, 'the certificates of authorities')
  if (certFile === undefined || keyFile === undefined) return checked({ ca }, caFile)
  const cert = certificatesIn(certFile, 'the client certificate')
  const key = contentOf(keyFile, 'the key of the client certificate')
  return checked({ ca, cert, key }, `${certFile} and ${keyFile}`)
}

interface Pem {
  readonly ca: string | undefined
  readonly cert?: string
  readonly key?: string
}

function checked({ ca, ...client }: Pem, files: string | undefined): SecureContext {
  try {
    return createSecureContext({ ...(ca === undefined ? {} : { ca }), ...client })
  } catch (cause) {
    // OpenSSL's words; they never quote a key.
    throw unusable(`${files} cannot be used: ${messageOf(cause)}`, cause)
  }
}

function certificatesIn(path: string, what: string): string {
  const pem = contentOf(path, what)
  if (/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(pem)) return pem
  throw unusable(`${path}, ${what}, has no certificate in PEM form (-----BEGIN CERTIFICATE-----)`)
}

function contentOf(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw unusable(`Cannot read ${path}, ${what}: ${messageOf(cause)}`, cause)
  }
}

const unusable = (message: string, cause?: unknown): AgentError =>
  new AgentError('TRANSPORT.TLS_FILE', `${message}.`, { cause })
