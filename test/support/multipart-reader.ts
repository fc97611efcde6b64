// multipart/form-data as RFC 2046 and 7578 have it, read without the writer's code.

import assert from 'node:assert/strict'

export interface ReadPart {
  readonly name: string
  readonly filename: string
  readonly contentType: string
  readonly bytes: Buffer
}

const BREAK = '\r\n'

/** In order. Anything that is not as the standards want it fails the test. */
export function readMultipart(contentType: string, body: Buffer): readonly ReadPart[] {
  const boundary = /^multipart\/form-data; boundary=([\w'+.-]{1,70})$/.exec(contentType)?.[1]
  assert.ok(boundary !== undefined, contentType)
  const first = `--${boundary}${BREAK}`
  const delimiter = Buffer.from(`${BREAK}--${boundary}`)
  assert.equal(body.toString('latin1', 0, first.length), first, 'the body begins with the boundary')
  const parts: ReadPart[] = []
  for (let at = first.length; ; ) {
    const end = body.indexOf(delimiter, at)
    assert.ok(end >= 0, 'a part ends with the boundary')
    parts.push(readPart(body.subarray(at, end)))
    const behind = end + delimiter.length
    const next = body.toString('latin1', behind, behind + 2)
    if (next === '--') {
      assert.equal(body.toString('latin1', behind), `--${BREAK}`, 'nothing follows the last boundary')
      return parts
    }
    assert.equal(next, BREAK)
    at = behind + 2
  }
}

function readPart(bytes: Buffer): ReadPart {
  const headEnd = bytes.indexOf(`${BREAK}${BREAK}`)
  assert.ok(headEnd >= 0, 'a part has a head')
  const head = new Map(
    bytes
      .toString('utf8', 0, headEnd)
      .split(BREAK)
      .map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
      }),
  )
  const disposition = head.get('content-disposition') ?? ''
  const [, name, filename] = /^form-data; name="([^"]*)"; filename="([^"]*)"$/.exec(disposition) ?? []
  assert.ok(name !== undefined && filename !== undefined, disposition)
  return { name, filename, contentType: head.get('content-type') ?? '', bytes: bytes.subarray(headEnd + 4) }
}
