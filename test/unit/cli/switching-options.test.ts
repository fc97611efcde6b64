import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROL_OPTION, controlOf } from '../../../src/cli/control.ts'
import { DELAY_OPTION, delayOf, followDelay } from '../../../src/cli/delay.ts'
import { parseOptions } from '../../../src/cli/options.ts'
import {
  flightRecorderOf,
  maxSizeOf,
  SWITCHING_OPTIONS,
  switchingOf,
} from '../../../src/cli/switching-options.ts'
import { UsageError } from '../../../src/core/errors.ts'

const options = (...argv: string[]) =>
  parseOptions(argv, [...SWITCHING_OPTIONS, DELAY_OPTION, CONTROL_OPTION])

const refused = (work: () => unknown): void => assert.throws(work, UsageError)

test('--switch-output is a signal, a size or a time, as perf writes them', () => {
  const none = { bytes: undefined, interval: undefined, maxFiles: 0, compressionLevel: 0, clock: 'monotonic' }
  assert.deepEqual(switchingOf(options()), { ...none, stampsAll: false })
  assert.deepEqual(switchingOf(options('--switch-output')), { ...none, stampsAll: true })
  assert.deepEqual(switchingOf(options('--switch-output=signal')), { ...none, stampsAll: true })
  assert.equal(switchingOf(options('--switch-output=100M')).bytes, 100 * 2 ** 20)
  assert.equal(switchingOf(options('--switch-output=2G')).bytes, 2 ** 31)
  assert.equal(switchingOf(options('--switch-output=10m')).interval, 600_000)
  assert.equal(switchingOf(options('--switch-output', '--switch-max-files', '3')).maxFiles, 3)
  for (const when of ['', '0M', '5', '5x', '2g', 'sigusr1'])
    refused(() => switchingOf(options(`--switch-output=${when}`)))
  refused(() => switchingOf(options('--switch-max-files', '3')))
})

test('an option whose value may be left out never takes the next word for it', () => {
  const parsed = options('--overwrite', '-z', 'word')
  assert.deepEqual(parsed.positionals, ['word'])
  assert.equal(flightRecorderOf(parsed)?.keep, 30_000)
  assert.equal(switchingOf(parsed).compressionLevel, 1)
  assert.equal(flightRecorderOf(options('--overwrite=2m'))?.keep, 120_000)
  assert.equal(switchingOf(options('--compression-level=19')).compressionLevel, 19)
  refused(() => flightRecorderOf(options('--overwrite=500ms')))
  refused(() => flightRecorderOf(options('--overwrite=2h')))
  refused(() => switchingOf(options('--compression-level=20')))
  refused(() => switchingOf(options('--compression-level=fast')))
})

test('--max-size', () => {
  assert.equal(maxSizeOf(options()), undefined)
  assert.equal(maxSizeOf(options('--max-size=500K')), 500 * 1024)
  refused(() => maxSizeOf(options('--max-size', '500')))
})

test('-D is a time, the wait for --control, or ranges that ascend', () => {
  assert.equal(delayOf(options()), undefined)
  assert.equal(delayOf(options('-D', '0')), undefined)
  assert.deepEqual(delayOf(options('-D', '-1')), [])
  assert.deepEqual(delayOf(options('-D', '250')), [{ from: 250, to: Number.POSITIVE_INFINITY }])
  assert.deepEqual(delayOf(options('--delay=10-20,30-40')), [
    { from: 10, to: 20 },
    { from: 30, to: 40 },
  ])
  for (const text of ['-2', '20-10', '10-20,15-30', '10-20,', '1s', '10-10'])
    refused(() => delayOf(options('-D', text)))
})

test('what is due is called in its time, and not once it was left off', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const calls: string[] = []
  const calling = { enable: () => calls.push('enable'), disable: () => calls.push('disable') }
  const leave = followDelay(delayOf(options('-D', '10-20,30-40')) ?? [], calling)
  t.mock.timers.tick(15)
  assert.deepEqual(calls, ['enable'])
  t.mock.timers.tick(20)
  assert.deepEqual(calls, ['enable', 'disable', 'enable'])
  leave()
  t.mock.timers.tick(20)
  assert.equal(calls.length, 3)
})

test('--control names descriptors or FIFOs', () => {
  assert.equal(controlOf(options()), undefined)
  assert.deepEqual(controlOf(options('--control=fd:5,6')), { kind: 'fd', commands: '5', acks: '6' })
  assert.deepEqual(controlOf(options('--control', 'fifo:/tmp/c')), {
    kind: 'fifo',
    commands: '/tmp/c',
    acks: undefined,
  })
  for (const text of ['fd:x', 'fd:', 'file:/tmp/c', 'fifo:a,b,c', 'fd:5,b'])
    refused(() => controlOf(options('--control', text)))
})
