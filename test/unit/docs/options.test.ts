import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { optionsPage } from '../../../scripts/options-page.ts'

test('docs/options.md is what scripts/options-page.ts makes of the schemas', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/options.md'), 'utf8')
  assert.equal(page, await optionsPage(), 'node scripts/options-page.ts >docs/options.md')
})
