import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareStamps, parseStampedName, stampedName, utcStamp } from '../../../src/base/stamped-name.ts'

test('stamps are UTC, to the second', () => {
  assert.equal(utcStamp(new Date('2026-03-29T01:59:59.999Z')), '20260329-015959')
})

test('names are read back as they were made', () => {
  for (const sequence of [0, 1, 12]) {
    const name = { stamp: '20260329-015959', sequence, extension: '.cpu-clock:u.pb.gz' }
    assert.deepEqual(parseStampedName('profile', stampedName('profile', name)), name)
  }
  assert.equal(
    stampedName('perf', { stamp: '20260329-015959', sequence: 0, extension: '.data' }),
    'perf-20260329-015959.data',
  )
})

test('other names are nobody’s', () => {
  for (const name of [
    'perf.data',
    'perf-2026.data',
    'perf-20260329-015959',
    'perf-20260329-015959-0.data',
    'xperf-20260329-015959.data',
    'perf-20260329-015959-a.data',
  ]) {
    assert.equal(parseStampedName('perf', name), undefined, name)
  }
})

test('the tenth of a second comes behind the second one', () => {
  const at = (sequence: number, stamp = '20260329-015959') => ({ stamp, sequence, extension: '.data' })
  assert.ok(compareStamps(at(10), at(2)) > 0)
  assert.ok(compareStamps(at(10), at(0, '20260329-020000')) < 0)
})
