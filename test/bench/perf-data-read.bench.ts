// How fast a recording of perf's is read, beside perf itself on the same file: MB/s, samples/s, and how they compare. Without
// names on both sides, so that reading is what is measured.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Replay } from '../../src/sampler/replay.ts'

const ROUNDS = 3
const WORKLOAD = 'for i in 1 2; do ls -lR /usr/lib >/dev/null 2>&1; done'

const directory = mkdtempSync(join(tmpdir(), 'sonde-bench-'))

async function samplesIn(file: string): Promise<number> {
  const replay = Replay.open(file)
  let samples = 0
  await replay.run({
    async emit(batches) {
      for (const batch of batches) samples += batch.samples.length
    },
  })
  replay.close()
  return samples
}

async function best(work: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    await work()
    least = Math.min(least, performance.now() - started)
  }
  return least
}

const PEERS: readonly (readonly [string, readonly string[]])[] = [
  ['perf script -F comm,ip', ['script', '-F', 'comm,ip']],
  ['perf report --stdio --sort pid', ['report', '--stdio', '--sort', 'pid', '-g', 'none']],
]

for (const [kind, options] of [
  ['plain', ['-F', '19999', '-g']],
  ['zstd', ['-F', '19999', '-g', '-z']],
  ['copies of stacks', ['-F', '999', '--call-graph', 'dwarf,8192']],
] as const) {
  const file = join(directory, 'perf.data')
  const all = ['record', '--no-buildid', '--buildid-mmap', '-e', 'cpu-clock', ...options, '-o', file]
  const recorded = spawnSync('perf', [...all, '--', 'sh', '-c', WORKLOAD], { encoding: 'utf8' })
  if (recorded.status !== 0) {
    console.log(`${kind}: perf record does not work here: ${recorded.stderr.trim()}`)
    continue
  }
  const samples = await samplesIn(file)
  const megabytes = statSync(file).size / 1e6
  const tell = (name: string, milliseconds: number, than: string) =>
    console.log(
      `${kind}: ${name}: ${milliseconds.toFixed(0)} ms, ${((megabytes / milliseconds) * 1000).toFixed(0)} MB/s, ` +
        `${(samples / milliseconds).toFixed(0)} k samples/s${than}`,
    )
  const own = await best(() => samplesIn(file))
  tell(`sonde, ${samples} samples of ${megabytes.toFixed(1)} MB`, own, '')
  for (const [name, args] of PEERS) {
    const theirs = await best(() => spawnSync('perf', [...args, '-i', file], { stdio: 'ignore' }))
    tell(name, theirs, `, ${(theirs / own).toFixed(2)} × sonde's time`)
  }
}
rmSync(directory, { recursive: true })
