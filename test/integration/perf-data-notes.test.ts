// The section of stack notes, judged by perf: it changes nothing that perf shows.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { featureBitsOf } from '../support/perf-data-header.ts'
import { windowBatches } from '../unit/formats/perf-data/fixture.ts'
import {
  consumerOf,
  contextOf,
  NO_PERF,
  perf,
  plainSession,
  temporaryDirectory,
  withoutStackNotes,
} from './perf-data-tools.ts'

/** A file with notes, and the same file without. */
async function recorded(t: TestContext): Promise<{ readonly noted: string; readonly plain: string }> {
  const directory = temporaryDirectory(t)
  const noted = join(directory, 'a.data')
  const consumer = consumerOf({ file: noted }, contextOf(directory))
  await consumer.start()
  for (let sequence = 0; sequence < 3; sequence++) {
    const spec = { sessions: [plainSession(1), plainSession(2)], sequence, samples: 50, processes: 3 }
    for (const batch of windowBatches(spec))
      await consumer.consumeProfiles(batch, new AbortController().signal)
  }
  await consumer.stop()
  const plain = join(directory, 'b.data')
  copyFileSync(noted, plain)
  return { noted, plain: withoutStackNotes(plain) }
}

/** Without what says when, and where, the file is. */
const shown = (args: readonly string[], file: string): string =>
  perf(...args, '-i', file)
    .replace(/^# captured on +:.*$/m, '')
    .replace(/^# \(Tip: .*$/m, '')

test('perf shows the same with stack notes as without, and warns of nothing', {
  skip: NO_PERF,
}, async (t) => {
  const { noted, plain } = await recorded(t)
  assert.ok(featureBitsOf(noted).includes(108) && !featureBitsOf(plain).includes(108))
  for (const args of [
    ['report', '--stdio', '--max-stack', '1024'],
    ['report', '--stdio', '--stats'],
    ['report', '--header-only', '-I'],
    ['script'],
    ['script', '-F', 'comm,pid,tid,cpu,time,event,period,ip,sym,dso', '--show-mmap-events'],
    ['buildid-list'],
    ['evlist', '-v'],
  ]) {
    assert.equal(shown(args, noted), shown(args, plain), args.join(' '))
  }
})

test('perf inject takes a file with stack notes, and what it writes is read', {
  skip: NO_PERF,
}, async (t) => {
  const { noted, plain } = await recorded(t)
  const [of, ofPlain] = [noted, plain].map((file) => {
    const { status, stderr } = spawnSync('perf', ['inject', '-i', file, '-o', `${file}.new`], {
      encoding: 'utf8',
    })
    assert.deepEqual([status, stderr], [0, ''])
    return `${file}.new`
  }) as [string, string]
  assert.equal(shown(['script'], of), shown(['script'], ofPlain))
  assert.ok(!featureBitsOf(of).includes(108), 'perf does not pass on what it does not know')
})

test('the notes come last in the file, so that nothing before them moves', async (t) => {
  const { noted, plain } = await recorded(t)
  const [a, b] = [readFileSync(noted), readFileSync(plain)]
  assert.ok(a.subarray(104).equals(b.subarray(104)), 'only the header differs')
  assert.ok(a.lastIndexOf('SONDESTK') > a.length - 4_096)
})
