import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOptions } from '../../../src/cli/options.ts'
import { SELECTION_OPTIONS, selectionOf } from '../../../src/cli/selection-options.ts'

const timesOf = (text: string) => {
  const { from, until } = selectionOf(parseOptions(['--time', text], SELECTION_OPTIONS))
  return [from, until]
}

test('a time is read to the nanosecond, with open ends, or as shares', () => {
  assert.deepEqual(timesOf('12.5,13'), [{ at: 12_500_000_000n }, { at: 13_000_000_000n }])
  assert.deepEqual(timesOf('9876543.123456789,'), [{ at: 9_876_543_123_456_789n }, undefined])
  assert.deepEqual(timesOf(',.25'), [undefined, { at: 250_000_000n }])
  assert.deepEqual(timesOf('10%-20.5%'), [{ share: 0.1 }, { share: 0.205 }])
})

test('what is no time is wrong usage', () => {
  for (const text of ['', ',', '5', '2,1', '20%-10%', '10%', '0%-101%', 'a,b', '1,2,3'])
    assert.throws(() => timesOf(text), { code: 'CLI.USAGE' }, text)
})

test('an event may have commas in its name', () => {
  const argv = ['--event', 'cpu/event=1,umask=2/', '--event', 'cycles']
  assert.deepEqual(selectionOf(parseOptions(argv, SELECTION_OPTIONS)).events, [
    'cpu/event=1,umask=2/',
    'cycles',
  ])
})
