import assert from 'node:assert/strict'
import { test } from 'node:test'
import { once } from '../../../src/base/once.ts'
import { Releases } from '../../../src/base/releases.ts'

test('everything is given back once, the newest first, also behind one that fails', async () => {
  const told: unknown[] = []
  const releases = new Releases((error) => told.push((error as Error).message))
  releases.add(() => told.push('first'))
  releases.add(() => Promise.reject(new Error('broken')))
  releases.add(async () => told.push('last'))
  await releases.all()
  await releases.all()
  assert.deepEqual(told, ['last', 'broken', 'first'])
})

test('work that is asked for twice is done once', async () => {
  let calls = 0
  const work = once(async () => ++calls)
  assert.deepEqual(await Promise.all([work(), work()]), [1, 1])
})
