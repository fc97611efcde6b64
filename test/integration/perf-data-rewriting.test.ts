// perf.data that sonde convert makes of perf.data, judged by perf script on both sides.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { sonde } from '../support/sonde.ts'
import { NO_PERF, perf, temporaryDirectory } from './perf-data-tools.ts'

const LOOP = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'
const WORKLOAD = `${LOOP}; ls /usr/bin >/dev/null; (${LOOP})`

/** What perf records of a small workload; undefined where it cannot, and why is said. */
function recorded(t: TestContext, name: string, ...options: readonly string[]): string | undefined {
  const file = join(temporaryDirectory(t), name)
  const { status, stderr } = spawnSync(
    'perf',
    ['record', '-q', '--buildid-mmap', '-g', '-o', file, ...options, '--', 'sh', '-c', WORKLOAD],
    { encoding: 'utf8' },
  )
  if (status === 0) return file
  t.skip(`perf record does not work here: ${stderr.trim()}`)
  return undefined
}

interface PerfSample {
  readonly seconds: string
  readonly comm: string
  readonly event: string
  /** All that perf says of it. */
  readonly text: string
}

/** Words of memory that a walk by frame pointers takes for code of the first page, where there is none. */
const NO_CODE = /^\s+[0-9a-f]{1,3} \[unknown\] \(\[unknown\]\)$/
/** An address that no user space has: what such a walk found there is no frame, nor is what it found behind. */
const BROKEN = /^\s+[89a-f][0-9a-f]{15} \[unknown\] \(\[unknown\]\)$/

function samplesOf(file: string): readonly PerfSample[] {
  const script = perf('script', '--ns', '-i', file, '-F', 'comm,pid,tid,time,event,period,ip,sym,dso')
  return script
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map((block): PerfSample => {
      const [head = '', ...frames] = block.split('\n').filter((line) => line !== '')
      const [, comm = '', seconds = '', event = ''] =
        /^\s*(.+?)\s+\d+\/\d+\s+(\d+\.\d+):\s+\d+\s+(\S+):\s*$/.exec(head) ?? []
      assert.notEqual(event, '', head)
      const end = frames.findIndex((line) => BROKEN.test(line))
      const chain = (end < 0 ? frames : frames.slice(0, end)).filter((line) => !NO_CODE.test(line))
      const text = [head.trim().replaceAll(/ +/g, ' '), ...chain].join('\n')
      return { seconds, comm, event, text }
    })
}

function assertSame(
  actual: readonly PerfSample[],
  expected: readonly PerfSample[],
  of: (sample: PerfSample) => string = ({ text }) => text,
): void {
  const texts = [actual, expected].map((samples) => samples.map(of).sort())
  const at = texts[1]!.findIndex((text, index) => text !== texts[0]![index])
  assert.equal(texts[0]![at], texts[1]![at])
  assert.equal(actual.length, expected.length)
}

function converted(...args: readonly string[]): string {
  const { status, stderr } = sonde(['convert', ...args])
  assert.equal(status, 0, stderr)
  return stderr
}

test('a cut of a recording has the samples, periods, names and stacks of that time, and perf reads it without a word', {
  skip: NO_PERF,
}, (t) => {
  const file = recorded(t, 'a.data', '-F', '997', '-e', 'cpu-clock,page-faults')
  if (file === undefined) return
  const cut = file.replace('a.data', 'cut.data')
  const all = samplesOf(file)
  converted(file, '-o', cut)
  assertSame(samplesOf(cut), all)

  const [from, until] = [all[Math.floor(all.length / 3)]!.seconds, all[Math.floor(all.length / 2)]!.seconds]
  converted(file, '--time', `${from},${until}`, '-o', cut)
  const within = all.filter(({ seconds }) => seconds >= from && seconds <= until)
  assert.ok(within.length > 10)
  assertSame(samplesOf(cut), within)
  const byPerf = perf('script', '-i', file, '--time', `${from},${until}`, '-F', 'comm').match(/\S+/g)
  assert.equal(byPerf?.length, within.length)

  converted(file, '--event', 'page-faults', '--include', 'comm=sh', '-o', cut)
  const chosen = all.filter(({ comm, event }) => comm === 'sh' && event === 'page-faults')
  assert.ok(chosen.length >= 5, String(chosen.length))
  assertSame(samplesOf(cut), chosen)

  const report = perf('report', '--stdio', '-i', cut, '--sort', 'comm', '-g', 'none')
  assert.match(report, /100\.00%.*\bsh\b/)

  converted(file, '-z', '-o', cut)
  assertSame(samplesOf(cut), all)
  assert.match(perf('report', '--header-only', '-i', cut), /compressed : Zstd/)
})

test('tracepoints and the software events beside them are read by perf from the new file as from the old', {
  skip: NO_PERF,
}, (t) => {
  const file = recorded(t, 'switches.data', '-e', 'sched:sched_switch,cpu-clock')
  if (file === undefined) return
  const again = file.replace('switches.data', 'again.data')
  converted(file, '-o', again)
  const all = samplesOf(file)
  assert.ok(all.some(({ event }) => event === 'sched:sched_switch'))
  assertSame(samplesOf(again), all)
  assert.match(perf('evlist', '-i', again), /^sched:sched_switch\ncpu-clock\n/)
})

test('recordings are joined, one behind the other and at the same time, with every sample of each', {
  skip: NO_PERF,
}, (t) => {
  const one = recorded(t, 'one.data', '-F', '997', '-e', 'cpu-clock')
  const two = recorded(t, 'two.data', '-F', '997', '-e', 'cpu-clock')
  if (one === undefined || two === undefined) return
  const other = recorded(t, 'other.data', '-e', 'page-faults', '-c', '1', '--period')
  if (other === undefined) return
  const joined = one.replace('one.data', 'joined.data')
  converted(two, one, '-o', joined)
  assertSame(samplesOf(joined), [...samplesOf(one), ...samplesOf(two)])
  assert.match(perf('evlist', '-i', joined), /^cpu-clock\n$/)

  const twin = one.replace('one.data', 'twin.data')
  copyFileSync(one, twin)
  const remarks = converted(one, twin, other, '-o', joined)
  assert.match(remarks, /The recordings overlap: what two of them sampled at the same time counts twice/)
  const expected = [one, twin, other].flatMap((file) => samplesOf(file))
  // Where perf found no chain, of a thread that ends, its leaf is one.
  assertSame(samplesOf(joined), expected, ({ text }) => text.split('\n')[0]!)
  assert.deepEqual(perf('evlist', '-i', joined).trim().split('\n').sort(), ['cpu-clock', 'page-faults'])
})

test('a part of a recording of Sonde trusts its stacks as the whole does', { skip: NO_PERF }, (t) => {
  const cwd = temporaryDirectory(t)
  const { status, stderr } = sonde(
    ['record', '-F', '997', '-o', 'whole.data', '--', 'sh', '-c', `${WORKLOAD}; exit 0`],
    { cwd },
  )
  if (status !== 0) return t.skip(`sonde record does not work here: ${stderr.trim()}`)
  const [whole, part] = ['whole.data', 'part.data'].map((name) => join(cwd, name)) as [string, string]
  converted(whole, '--include', 'comm=sh', '-o', part)
  const stacksOf = (file: string, ...options: readonly string[]) =>
    sonde(['report', '--stacks', ...options, file]).stdout.replaceAll(file, '')
  assert.equal(stacksOf(part), stacksOf(whole, '--include', 'comm=sh'))
  assert.match(stacksOf(part), /\d+ samples, [\d.]+ % complete/)
  const kept = samplesOf(whole).filter(({ comm }) => comm === 'sh')
  assertSame(samplesOf(part), kept)
})
