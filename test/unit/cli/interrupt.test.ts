import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Interrupt } from '../../../src/cli/interrupt.ts'

const listened = (): number[] =>
  ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => process.listenerCount(signal))

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
