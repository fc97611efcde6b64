import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkPlaces, outputsOf } from '../../../src/cli/outputs.ts'

function temporary(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sonde-outputs-'))
  context.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('outputs and the summary need a place, and are told before anything is written', (context) => {
  const root = temporary(context)
  mkdirSync(join(root, 'there.html'))
  writeFileSync(join(root, 'file'), '')
  const places: readonly [name: string, problem: RegExp][] = [
    ['no/such/x.html', /its directory does not exist\. Make it, or choose another path\.$/],
    ['file/x.html', /Choose another path\.$/],
    ['there.html', /it is a directory\. Choose another path\.$/],
  ]
  for (const [name, problem] of places) {
    const path = join(root, name)
    assert.throws(() => checkPlaces(outputsOf([path]), undefined), { code: 'CLI.OUTPUT', message: problem })
    assert.throws(() => checkPlaces([], path), { code: 'CLI.OUTPUT', message: problem })
  }
  assert.deepEqual(readdirSync(root).sort(), ['file', 'there.html'])
})

test('a summary and a profile of one name are wrong usage', (context) => {
  const path = join(temporary(context), 'x.folded')
  const outputs = outputsOf([path])
  assert.throws(() => checkPlaces(outputs, relative('', path)), { code: 'CLI.USAGE' })
})

test('a summary may be written over a file, and into a device', (context) => {
  const root = temporary(context)
  writeFileSync(join(root, 's.json'), '')
  for (const path of [join(root, 's.json'), join(root, 'new.json'), '/dev/null']) checkPlaces([], path)
  assert.ok(!existsSync(join(root, 'new.json')))
})
