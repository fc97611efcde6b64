import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { directoryModeFor, makeDirectory } from '../../../src/base/make-directory.ts'

function temporary(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sonde-make-directory-'))
  context.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}
const modeOf = (path: string): number => statSync(path).mode & 0o777

test('what is missing is made with the mode, whatever the umask is; what is there stays as it is', async (context) => {
  const root = temporary(context)
  mkdirSync(join(root, 'there'), { mode: 0o711 })
  const before = process.umask(0o077)
  context.after(() => process.umask(before))
  await makeDirectory(join(root, 'there/a/b'), 0o750)
  assert.deepEqual(
    ['there', 'there/a', 'there/a/b'].map((path) => modeOf(join(root, path))),
    [0o711, 0o750, 0o750],
  )
  await makeDirectory(join(root, 'there'), 0o700)
  assert.equal(modeOf(join(root, 'there')), 0o711)
})

test('two that make the same directory at once both succeed', async (context) => {
  const path = join(temporary(context), 'a/b/c')
  await Promise.all(Array.from({ length: 8 }, () => makeDirectory(path, 0o700)))
  assert.equal(modeOf(path), 0o700)
})

test('where no directory can be made there is an error, at once', { timeout: 5_000 }, async (context) => {
  const root = temporary(context)
  writeFileSync(join(root, 'file'), '')
  symlinkSync('nowhere', join(root, 'dangling'))
  const refused = (path: string, code: string) => assert.rejects(makeDirectory(path, 0o700), { code })
  await refused('/proc/x', 'ENOENT')
  await refused('/proc/x/y', 'ENOENT')
  await refused(join(root, 'file'), 'EEXIST')
  await refused(join(root, 'file/x'), 'ENOTDIR')
  await assert.rejects(makeDirectory(join(root, 'dangling'), 0o700))
})

test('who may read files may enter their directory', () => {
  assert.deepEqual([0o600, 0o640, 0o644].map(directoryModeFor), [0o700, 0o750, 0o755])
})
