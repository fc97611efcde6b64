import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLOCK_IDS, CLOCK_NAMES } from '../../src/core/clock-ids.ts'
import { loadAddon } from '../../src/native/load.ts'
import { run, sonde, temporaryDirectory } from '../support/sonde.ts'
import { windowBatches } from '../unit/formats/perf-data/fixture.ts'
import {
  consumerOf,
  contextOf,
  temporaryDirectory as directoryOf,
  NO_PERF,
  perf,
  plainSession,
} from './perf-data-tools.ts'

const never = new AbortController().signal

test('every time in a file is moved by the clocks’ difference, but for those that stand before everything', {
  skip: NO_PERF,
}, async (t) => {
  const offset = 86_400_000_000_000n
  const written = async (clock: string) => {
    const consumer = consumerOf({ clock }, contextOf(directoryOf(t), { clockOffset: () => offset }))
    await consumer.start()
    for (let sequence = 0; sequence < 3; sequence++) {
      for (const batch of windowBatches({ sessions: [plainSession(1)], sequence, samples: 50, processes: 5 }))
        await consumer.consumeProfiles(batch, never)
    }
    await consumer.stop()
    const file = consumer.outcome().files[0] ?? ''
    const shows = ['--show-task-events', '--show-mmap-events', '--show-lost-events']
    const text = perf('script', '--ns', '-i', file, ...shows, '-F', 'time,event,period')
    const times = [...text.matchAll(/(\d+)\.(\d{9}):/g)].map(([, s, ns]) => BigInt(`${s}${ns}`))
    return { times, header: perf('report', '--header-only', '-i', file) }
  }
  const plain = await written('monotonic')
  const moved = await written('boottime')
  assert.ok(plain.times.length > 150)
  assert.deepEqual(
    moved.times,
    plain.times.map((time) => (time === 0n ? 0n : time + offset)),
  )
  assert.match(plain.header, /clockid: monotonic \(1\)/)
  assert.match(moved.header, /clockid: boottime \(7\)/)
})

test('--clockid: perf script shows the samples by that clock', { skip: NO_PERF }, (t) => {
  const file = join(temporaryDirectory(t), 'perf.data')
  const { clockOffset } = loadAddon()
  const busy = 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'
  for (const name of CLOCK_NAMES) {
    const nowBy = (): number => Number(process.hrtime.bigint() + clockOffset(CLOCK_IDS[name])) / 1e9
    const before = nowBy()
    const { status, stderr } = sonde([
      'record',
      '--clockid',
      name,
      '-F',
      '999',
      '-o',
      file,
      '--',
      'sh',
      '-c',
      busy,
    ])
    assert.equal(status, 0, stderr)
    const after = nowBy()
    const { stdout, stderr: warnings } = run('perf', ['script', '--ns', '-i', file, '-G', '-F', 'time'])
    assert.equal(warnings, '')
    const times = [...stdout.matchAll(/(\d+\.\d+):/g)].map(([, time]) => Number(time))
    assert.ok(times.length > 10, `${times.length} samples`)
    // Within a millisecond: the clocks are compared when the window has closed.
    assert.ok((times[0] ?? 0) >= before - 0.001 && (times.at(-1) ?? 0) <= after + 0.001, name)
  }
  assert.equal(sonde(['record', '--clockid', 'sundial', '-o', file, '--', 'true']).status, 2)
})
