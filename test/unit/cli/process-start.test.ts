import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processStart } from '../../../src/cli/process-start.ts'

const stat = (ticks: number, name = 'node'): string =>
  `42 (${name}) S 1 42 42 0 -1 4194560 1 0 0 0 5 1 0 0 20 0 11 0 ${ticks} 1 2 3\n`

test('the start is converted from ticks since boot', () => {
  const read = () => ({ stat: stat(12_345), uptime: '200.00 1.0\n', monotonic: 200_004_000_000n })
  assert.equal(processStart(read), 123_450_000_000n)
})

test('time that the machine slept is not part of the monotonic clock', () => {
  const read = () => ({ stat: stat(12_345), uptime: '200.00 1.0\n', monotonic: 140_000_000_000n })
  assert.equal(processStart(read), 63_450_000_000n)
})

test('a name with blanks and parentheses does not shift the fields', () => {
  const read = () => ({ stat: stat(100, 'a) S 1 (b'), uptime: '5.00 1.0\n', monotonic: 5_000_000_000n })
  assert.equal(processStart(read), 1_000_000_000n)
})

test('this process began before now, and not long ago', () => {
  const age = process.hrtime.bigint() - processStart()
  assert.ok(age >= BigInt(Math.floor(performance.now() * 1e6)) - 1_000_000n, `${age}`)
  assert.ok(age < 600_000_000_000n)
})
