import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multipart } from '../../../src/transport/multipart.ts'

test('a multipart body is read back as its parts, in order and byte for byte', async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
  const { contentType, body } = multipart(
    [
      {
        name: 'event',
        filename: 'event.json',
        contentType: 'application/json',
        bytes: Buffer.from('{"a":1}'),
      },
      { name: 'cpu.pprof', filename: 'cpu.pprof', contentType: 'application/octet-stream', bytes },
    ],
    'sonde-0123',
  )
  // Node's own parser is the judge.
  const form = await new Response(Buffer.from(body), { headers: { 'content-type': contentType } }).formData()
  assert.deepEqual([...form.keys()], ['event', 'cpu.pprof'])
  const [event, cpu] = [form.get('event') as File, form.get('cpu.pprof') as File]
  assert.deepEqual(
    [event.name, event.type, await event.text()],
    ['event.json', 'application/json', '{"a":1}'],
  )
  assert.deepEqual([cpu.name, new Uint8Array(await cpu.arrayBuffer())], ['cpu.pprof', bytes])
})

test('no name breaks out of its header', () => {
  const part = { name: 'a"\r\nX: y', filename: 'b', contentType: 'text/plain', bytes: new Uint8Array(0) }
  const head = Buffer.from(multipart([part], 'b1').body).toString()
  assert.ok(!head.includes('\r\nX: y'), head)
})

test('a boundary that would have to be quoted is a mistake of the caller', () => {
  for (const boundary of ['', 'a b', 'a"b', 'x'.repeat(71)]) {
    assert.throws(() => multipart([], boundary), RangeError)
  }
})
