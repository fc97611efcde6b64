// What must never be read in a log, however it gets into an answer: servers repeat what they were sent.

const MASK = '*'
/** Shorter values (`1`, `gz`) occur in any text, and protect nothing. */
const MIN_LENGTH = 4

/** Hides values of headers, the credentials within them, and passwords. */
export class Secrets {
  readonly #values: readonly string[]

  constructor(values: Iterable<string>) {
    const all = [...values].flatMap(spellings).filter((value) => value.length >= MIN_LENGTH)
    // The longest first: a part of a secret must not leave the rest of it readable.
    this.#values = [...new Set(all)].sort((one, two) => two.length - one.length)
  }

  /** The same number of characters, so that lengths within it stay right. */
  inText(text: string): string {
    return this.#values.reduce((rest, value) => rest.replaceAll(value, MASK.repeat(value.length)), text)
  }

  /** New bytes, as many. */
  inBytes(bytes: Uint8Array): Uint8Array {
    const masked = Buffer.from(bytes)
    for (const value of this.#values) {
      const secret = Buffer.from(value)
      for (let at = masked.indexOf(secret); at >= 0; at = masked.indexOf(secret, at)) {
        masked.fill(MASK, at, at + secret.length)
      }
    }
    return masked
  }
}

/** A header's value, the credentials after its scheme, and what those of the Basic scheme are made of. */
function spellings(value: string): readonly string[] {
  const [, scheme = '', credentials] = /^(\S+) +(\S.*)$/.exec(value) ?? []
  if (credentials === undefined) return [value]
  if (scheme.toLowerCase() !== 'basic') return [value, credentials]
  const decoded = Buffer.from(credentials, 'base64').toString('utf8')
  return [value, credentials, decoded, decoded.slice(decoded.indexOf(':') + 1)]
}
