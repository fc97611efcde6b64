import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { readFacts, readStart } from '../../../../src/sampler/diagnosis/read-facts.ts'

test('a file that is missing, closed or a directory is a fact with its errno', () => {
  assert.deepEqual(readStart(join(import.meta.dirname, 'no such file')), { error: 'ENOENT' })
  assert.deepEqual(readStart(import.meta.dirname), { error: 'EISDIR' })
})

test('of a file without an end as much is read as is needed', () => {
  const read = readStart('/dev/zero')
  assert.ok('text' in read && read.text.length > 0)
})

test('without a native part the files are read all the same', async () => {
  const facts = await readFacts(() => {
    throw new Error('Cannot find the native part')
  })
  assert.deepEqual(facts.native, { problem: 'Cannot find the native part' })
  assert.ok('text' in facts.files.status && facts.files.status.text.includes('CapEff'))
  assert.ok(facts.cpus > 0)
})

test('what the kernel answered stands beside the files', async () => {
  const facts = await readFacts(() => ({ probeBpf: async () => [] }))
  assert.deepEqual(facts.native, { probes: [] })
})
