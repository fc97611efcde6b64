import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { closingLine, shortPath } from '../../../src/cli/closing.ts'
import { Tally } from '../../../src/cli/tally.ts'
import type { ConsumerOutcome } from '../../../src/core/consumer.ts'

const lane = {
  queued: 0,
  queuedBytes: 0,
  delivered: 0,
  failed: 0,
  dropped: 0,
  lastError: undefined,
}

const closingOf = (outcome: Pick<ConsumerOutcome, 'bytes' | 'files' | 'gone'>): string =>
  closingLine(new Tally(), {
    consumers: new Map([['perf_data', { lane, outcome: { written: 0, lost: {}, ...outcome } }]]),
    problems: [],
    remarks: [],
  })

test('the bytes are those of the files that are there; what was deleted stands beside them', () => {
  const files = ['/tmp/a', '/tmp/b']
  const line = '0 samples, 0 lost. '
  assert.equal(closingOf({ bytes: 2048, files }), `${line}Wrote /tmp/a, /tmp/b (2.05 kB).`)
  const one = { bytes: 2048, files, gone: { files: 1, bytes: 1024 } }
  assert.equal(closingOf(one), `${line}Wrote /tmp/a, /tmp/b (1.02 kB). 1 older file (1.02 kB) was deleted.`)
  const two = { bytes: 3072, files, gone: { files: 2, bytes: 1024 } }
  assert.match(closingOf(two), /\(2\.05 kB\)\. 2 older files \(1\.02 kB\) were deleted\.$/)
  const all = { bytes: 1024, files: [], gone: { files: 1, bytes: 1024 } }
  assert.equal(closingOf(all), `${line}1 file (1.02 kB) was deleted.`)
  assert.equal(closingOf({ bytes: 0, files: [] }), `${line}Wrote no file: nothing was sampled.`)
})

test('paths are told as they would be typed, and whole where that is no shorter', (context) => {
  const before = process.cwd()
  context.after(() => process.chdir(before))
  process.chdir(tmpdir())
  assert.equal(shortPath(join(process.cwd(), 'out/perf.data')), 'out/perf.data')
  assert.equal(shortPath('/var/lib/sonde/perf.data'), '/var/lib/sonde/perf.data')
  process.chdir('/')
  assert.equal(shortPath('/var/lib/sonde/perf.data'), '/var/lib/sonde/perf.data')
})
