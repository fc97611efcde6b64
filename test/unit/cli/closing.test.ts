import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { shortPath } from '../../../src/cli/closing.ts'

test('paths are told as they would be typed, and whole where that is no shorter', (context) => {
  const before = process.cwd()
  context.after(() => process.chdir(before))
  process.chdir(tmpdir())
  assert.equal(shortPath(join(process.cwd(), 'out/perf.data')), 'out/perf.data')
  assert.equal(shortPath('/var/lib/sonde/perf.data'), '/var/lib/sonde/perf.data')
  process.chdir('/')
  assert.equal(shortPath('/var/lib/sonde/perf.data'), '/var/lib/sonde/perf.data')
})
