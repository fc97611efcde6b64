import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AgentError } from '../../../src/core/errors.ts'
import { loadAddon } from '../../../src/native/load.ts'

/** A package folder that goes with the test. */
function packageFolder(files: Readonly<Record<string, string>>, visit: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-load-'))
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(folder, name, '..'), { recursive: true })
      writeFileSync(join(folder, name), content)
    }
    visit(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const failsWith = (code: string, text: RegExp) => (thrown: unknown) =>
  thrown instanceof AgentError && thrown.code === code && text.test(thrown.message)

for (const place of ['src/native/load.ts', 'dist/sonde.mjs']) {
  test(`without an addon, ${place} says how to build it`, () => {
    packageFolder({ 'package.json': '{}' }, (folder) => {
      const missing = failsWith('NATIVE.NOT_BUILT', /build\/native\/sonde\.node: run scripts\/setup\.sh run/)
      assert.throws(() => loadAddon(join(folder, place)), missing)
    })
  })
}

test('an addon that does not load says why and what to do, in one line', () => {
  packageFolder({ 'package.json': '{}', 'build/native/sonde.node': 'not an addon' }, (folder) => {
    const unloadable = failsWith('NATIVE.NOT_LOADABLE', /^Cannot load .* run scripts\/setup\.sh run[^\n]*$/)
    assert.throws(() => loadAddon(join(folder, 'dist/sonde.mjs')), unloadable)
  })
})

test('a program outside any package is told so', () => {
  assert.throws(() => loadAddon('/nonexistent/sonde.mjs'), failsWith('NATIVE.NOT_BUILT', /nonexistent/))
})
