import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { frameLabel } from '../../src/core/frame-label.ts'
import { Replay } from '../../src/sampler/replay.ts'
import { readPprof } from '../support/pprof-reader.ts'
import { sonde } from '../support/sonde.ts'
import { NO_PERF, perf, temporaryDirectory, totalsOf } from './perf-data-tools.ts'

/** Without it, perf (6.1) dies of its own file where another session on the machine asks the kernel (6.18) for build ids. */
const BUILD_IDS = '--buildid-mmap'

/** By perf, while a shell runs `script`. Undefined where perf cannot do that here. */
function recordedBy(file: string, script: string): string | undefined {
  const what = ['--no-buildid', BUILD_IDS, '-F', '997', '-e', 'cpu-clock', '-g']
  const { status, stderr } = spawnSync('perf', ['record', ...what, '-o', file, '--', 'sh', '-c', script], {
    encoding: 'utf8',
  })
  return status === 0 ? undefined : `perf record does not work here: ${stderr.trim()}`
}

/** How many samples of each command, by perf. */
function commsOf(file: string): ReadonlyMap<string, number> {
  const comms = new Map<string, number>()
  for (const line of perf('script', '-i', file, '-F', 'comm').split('\n')) {
    const comm = line.trim()
    if (comm !== '') comms.set(comm, (comms.get(comm) ?? 0) + 1)
  }
  return comms
}

test('a file that perf itself recorded is replayed with the samples, sums and comms that perf script reads', {
  skip: NO_PERF,
}, async (t) => {
  const file = join(temporaryDirectory(t), 'perf.data')
  const workload = 'for i in 1 2 3 4 5 6 7 8; do ls -l /usr/lib /usr/bin >/dev/null; done'
  const problem = recordedBy(file, workload)
  if (problem !== undefined) return t.skip(problem)

  const replay = Replay.open(file)
  const comms = new Map<string, number>()
  const modules = new Set<string>()
  let samples = 0
  let value = 0n
  await replay.run({
    async emit(batches) {
      for (const batch of batches) {
        samples += batch.samples.length
        for (const each of batch.samples.value) value += each
        for (const index of batch.samples.comm) {
          const comm = batch.strings.at(index)
          comms.set(comm, (comms.get(comm) ?? 0) + 1)
        }
        for (let frame = 0; frame < batch.stacks.frames.length; frame++)
          modules.add(frameLabel(batch, frame).split('+')[0]!)
      }
    },
  })
  replay.close()
  assert.deepEqual([...replay.damage, ...replay.problems], [])
  const [totals] = Object.values(totalsOf(file))
  assert.deepEqual({ samples, value }, totals)
  assert.deepEqual(comms, commsOf(file))
  assert.ok(
    [...modules].some((name) => name.startsWith('libc.so')),
    [...modules].join(' '),
  )
})

test('a process of a file without event ids is called what it was when it was sampled', {
  skip: NO_PERF,
}, (t) => {
  const file = join(temporaryDirectory(t), 'perf.data')
  // Names itself anew halfway.
  const workload =
    'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; exec awk "BEGIN { while (i++ < 1e7); }"'
  // One event: samples and process records carry no ids, so that nothing tells what happened from what was so.
  const problem = recordedBy(file, workload)
  if (problem !== undefined) return t.skip(problem)
  const expected = commsOf(file)
  assert.ok(expected.size >= 2, [...expected.keys()].join(' '))
  const pprof = file.replace(/data$/, 'pb.gz')
  const converted = sonde(['convert', file, '-o', pprof])
  assert.equal(converted.status, 0, converted.stderr)
  const told = new Map<string, number>()
  for (const { labels, values } of readPprof(gunzipSync(readFileSync(pprof))).samples) {
    const name = `${labels['process name']}`
    told.set(name, (told.get(name) ?? 0) + Number(values[0]))
  }
  assert.deepEqual(told, expected)
})
