// Words from outside, made fit for a line of a log.

/** Characters of an endpoint's words that are repeated. */
const MAX_LENGTH = 300

/** One line without control characters, of at most 300 characters. */
export function oneLine(said: string | Uint8Array): string {
  const text = typeof said === 'string' ? said : Buffer.from(said).toString('utf8')
  const line = text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
  return line.length <= MAX_LENGTH ? line : `${line.slice(0, MAX_LENGTH - 1)}…`
}

/** `: words`, or nothing where nothing was said. */
export function saying(said: string | Uint8Array): string {
  const line = oneLine(said)
  return line === '' ? '' : `: ${line}`
}
