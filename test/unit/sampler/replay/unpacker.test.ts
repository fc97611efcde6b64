import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, createZstdCompress, zstdCompressSync } from 'node:zlib'
import { Unpacker } from '../../../../src/sampler/replay/unpacker.ts'

/** As perf writes records: one stream that never ends, flushed behind each. */
async function flushed(parts: readonly Buffer[]): Promise<Buffer[]> {
  const stream = createZstdCompress()
  let produced: Buffer[] = []
  stream.on('data', (part: Buffer) => produced.push(part))
  const records: Buffer[] = []
  for (const part of parts) {
    stream.write(part)
    await new Promise<void>((resolve) => stream.flush(constants.ZSTD_e_flush, resolve))
    await new Promise((resolve) => setImmediate(resolve))
    records.push(Buffer.concat(produced))
    produced = []
  }
  stream.destroy()
  return records
}

const texts = ['first', 'second', 'third'].map((text) => Buffer.from(text.repeat(3000)))

test('a stream that goes on over records is unpacked record by record', async () => {
  const unpacker = new Unpacker()
  const records = await flushed(texts)
  // Each needs what stood before it.
  assert.ok(records.slice(1).every((record) => record.readUInt32LE(0) !== 0xfd2fb528))
  for (const [index, record] of records.entries())
    assert.deepEqual(Buffer.from(await unpacker.unpack(record)), texts[index])
  unpacker.close()
})

test('frames of their own are unpacked, one or several in a record', async () => {
  const unpacker = new Unpacker()
  for (const text of texts) assert.deepEqual(Buffer.from(await unpacker.unpack(zstdCompressSync(text))), text)
  const together = Buffer.concat(texts.map((text) => zstdCompressSync(text)))
  assert.deepEqual(Buffer.from(await unpacker.unpack(together)), Buffer.concat(texts))
  unpacker.close()
})

test('what is no zstd is refused, and so is what becomes more than a record can hold', async () => {
  const unpacker = new Unpacker()
  await assert.rejects(unpacker.unpack(Buffer.from('nothing of the kind')))
  const bomb = zstdCompressSync(Buffer.alloc(200 * 2 ** 20))
  assert.ok(bomb.length < 65_536)
  await assert.rejects(unpacker.unpack(bomb), /more than 67108864 bytes/)
  unpacker.close()
})
