import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LOSS_REASONS } from '../../../src/core/loss.ts'

test('README and docs/summary.md explain every reason of a loss, and no other', () => {
  for (const file of ['README.md', 'docs/summary.md']) {
    const text = readFileSync(join(import.meta.dirname, '../../..', file), 'utf8')
    const [, table = ''] = text.split('| reason |')
    const reasons = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| `(\w+)` \|/gm)].map(
      ([, reason]) => reason,
    )
    assert.deepEqual(reasons, LOSS_REASONS, file)
  }
})
