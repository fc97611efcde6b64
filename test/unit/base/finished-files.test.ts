import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FinishedFiles } from '../../../src/base/finished-files.ts'
import { temporaryDirectory } from '../../support/sonde.ts'

test('a file that somebody deleted is gone, once, and its bytes stay among all that were written', (context) => {
  const directory = temporaryDirectory(context)
  const [first, second] = [join(directory, 'first'), join(directory, 'second')]
  const files = new FinishedFiles()
  for (const [path, bytes] of [
    [first, 10],
    [second, 5],
  ] as const) {
    writeFileSync(path, '')
    files.note({ path, bytes })
  }
  assert.deepEqual(files.look(), { bytes: 15, files: [first, second], gone: { files: 0, bytes: 0 } })
  rmSync(first)
  for (let look = 0; look < 2; look++) {
    assert.deepEqual(files.look(), { bytes: 15, files: [second], gone: { files: 1, bytes: 10 } })
  }
})
