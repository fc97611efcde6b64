import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { chooseDataDirectory, lockDataDirectory } from '../../../src/config/data-directory.ts'

function temporary(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sonde-data-'))
  context.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('the directory asked for is taken, whatever exists', () => {
  assert.equal(chooseDataDirectory('a/b'), resolve('a/b'))
})

test('the directory is made for its owner only, and holds the pid of its agent', async (context) => {
  const directory = join(temporary(context), 'a/b')
  const lock = await lockDataDirectory(directory, () => true)
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  assert.equal(readFileSync(join(directory, '.lock'), 'utf8'), `${process.pid}\n`)
  lock.release()
  lock.release()
})

test('a second agent is told who holds the directory, and does not touch the lock file', async (context) => {
  const directory = temporary(context)
  writeFileSync(join(directory, '.lock'), '4711\n')
  await assert.rejects(
    lockDataDirectory(directory, () => false),
    {
      code: 'AGENT.DIRECTORY_IN_USE',
      message: /Another agent \(pid 4711\) writes to .*\n.*--data-directory/,
    },
  )
  assert.equal(readFileSync(join(directory, '.lock'), 'utf8'), '4711\n')
})

test('a shorter pid leaves nothing of the one before', async (context) => {
  const directory = temporary(context)
  writeFileSync(join(directory, '.lock'), '99999999999\n')
  ;(await lockDataDirectory(directory, () => true)).release()
  assert.equal(readFileSync(join(directory, '.lock'), 'utf8'), `${process.pid}\n`)
})

test('a directory that cannot be made is named', async (context) => {
  const file = join(temporary(context), 'file')
  writeFileSync(file, '')
  for (const path of [join(file, 'x'), '/proc/x']) {
    await assert.rejects(
      lockDataDirectory(path, () => true),
      {
        code: 'AGENT.NO_DIRECTORY',
        message: new RegExp(`${path}.*\\n.*--data-directory`),
      },
    )
  }
})
