// Bodies of multipart/form-data (RFC 7578).

export interface Part {
  readonly name: string
  readonly filename: string
  readonly contentType: string
  readonly bytes: Uint8Array
}

export interface Multipart {
  /** With the boundary in it: the header of the request. */
  readonly contentType: string
  readonly body: Uint8Array
}

/**
 * One body of `parts`, in their order. The caller makes sure that no part contains the boundary (random, or looked for).
 * @throws RangeError for a boundary that is none (RFC 2046, 5.1.1, without what would have to be quoted)
 */
export function multipart(parts: readonly Part[], boundary: string): Multipart {
  if (!/^[\w'+.-]{1,70}$/.test(boundary)) throw new RangeError('not a multipart boundary')
  const pieces = parts.flatMap((part) => [
    Buffer.from(`--${boundary}\r\n${headOf(part)}\r\n`),
    part.bytes,
    Buffer.from('\r\n'),
  ])
  const body = Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)])
  return { contentType: `multipart/form-data; boundary=${boundary}`, body }
}

const headOf = ({ name, filename, contentType }: Part): string =>
  `Content-Disposition: form-data; name="${quoted(name)}"; filename="${quoted(filename)}"\r\n` +
  `Content-Type: ${contentType.replace(/[\r\n]/g, '')}\r\n`

/** As browsers write it: nothing ends the quotes or the line. */
const quoted = (text: string): string => text.replace(/\r/g, '%0D').replace(/\n/g, '%0A').replace(/"/g, '%22')
