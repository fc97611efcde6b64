import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lossText } from '../../../src/cli/closing.ts'
import { prettyLine } from '../../../src/cli/log.ts'
import { progressLine } from '../../../src/cli/progress.ts'
import {
  bytes,
  counted,
  duration,
  integer,
  printable,
  shortened,
  styleFor,
} from '../../../src/cli/terminal.ts'

const plain = styleFor({ isTTY: false })

test('numbers read as people write them', () => {
  assert.equal(integer(1234567), '1,234,567')
  assert.equal(counted(1, 'sample'), '1 sample')
  assert.equal(counted(2000, 'sample'), '2,000 samples')
  assert.deepEqual([0, 999, 1000, 58_300, 1_234_567, 5e12].map(bytes), [
    '0 B',
    '999 B',
    '1.00 kB',
    '58.3 kB',
    '1.23 MB',
    '5.00 TB',
  ])
  assert.deepEqual([0.351, 12.4, 185, 7322].map(duration), ['0.35 s', '12 s', '3 min 5 s', '2 h 2 min'])
})

test('names that targets choose cannot move the cursor', () => {
  assert.equal(printable('evil\x1b[2J\rname\u009b'), 'evil\ufffd[2J\ufffdname\ufffd')
  assert.equal(printable('a\u202eb\u2066c\u2028größe 计算'), 'a\ufffdb\ufffdc\ufffdgröße 计算')
})

test('long names lose their middle', () => {
  assert.equal(shortened('short', 10), 'short')
  assert.equal(shortened('abcdefghijklmnop', 9), 'abcd…mnop')
})

test('losses are said by reason, and their absence too', () => {
  assert.equal(lossText({}), '0 lost')
  assert.equal(lossText({ ring_full: 2, missed: 1000 }), '1,002 lost (2 ring_full, 1,000 missed)')
})

test('the progress line says samples, losses and the time left', () => {
  const options = { name: 'record', figures: () => ({ taken: 12_345, lost: 0 }), endsAt: 20_000 }
  assert.equal(
    progressLine(options, { started: 0, now: 3_000 }),
    'sonde record: 12,345 samples, 0 lost, 17 s left',
  )
  assert.equal(
    progressLine({ ...options, endsAt: undefined }, { started: 0, now: 65_000 }),
    'sonde record: 12,345 samples, 0 lost, 1 min 5 s (Ctrl-C ends)',
  )
})

test('a log line for people has time, level, message and fields', () => {
  const line = prettyLine(
    new Date(2026, 10, 21, 9, 5, 7),
    { level: 'warn', message: 'the disk is full', fields: { file: '/tmp/x' } },
    plain,
  )
  assert.equal(line, '09:05:07 WARN  the disk is full file=/tmp/x')
})
