import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Interrupt } from '../../../src/cli/interrupt.ts'

const listened = (): number[] =>
  ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => process.listenerCount(signal))

test('SIGHUP ends what does not reload, and never what does', async () => {
  const before = listened()
  const ends = new Interrupt()
  process.emit('SIGHUP', 'SIGHUP')
  await ends.asked
  ends.close()
  const reloads = new Interrupt('reloads')
  let asked = 0
  let reloaded = 0
  void reloads.asked.then(() => asked++)
  process.emit('SIGHUP', 'SIGHUP')
  process.emit('SIGHUP', 'SIGHUP')
  reloads.onReload(() => reloaded++)
  assert.equal(reloaded, 1, 'what was asked for before it could be done is done once')
  process.emit('SIGHUP', 'SIGHUP')
  await Promise.resolve()
  assert.deepEqual([asked, reloaded], [0, 2])
  process.emit('SIGTERM', 'SIGTERM')
  await reloads.asked
  process.emit('SIGHUP', 'SIGHUP')
  assert.equal(reloaded, 3, 'it does not end one that is stopping')
  reloads.close()
  assert.deepEqual(listened(), before)
})

test('after the first signal only its repeat is ignored, and that for an instant', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const before = listened()
  const interrupt = new Interrupt()
  process.emit('SIGINT', 'SIGINT')
  await interrupt.asked
  const left = listened().map((count, index) => count - (before[index] ?? 0))
  assert.deepEqual(left, [1, 0, 0], 'another signal ends the process at once')
  process.emit('SIGINT', 'SIGINT')
  context.mock.timers.tick(300)
  assert.deepEqual(listened(), before)
})
