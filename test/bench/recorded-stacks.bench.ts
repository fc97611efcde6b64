// What reading a file of `perf record --call-graph dwarf` costs, in CPU time: sonde report --stacks, and perf script, which
// unwinds the same samples and prints their addresses.
//
//   npm run bench -- recorded-stacks

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launcher, run } from '../support/sonde.ts'
import { unwindWorkloads } from '../support/unwind-workloads.ts'

const ROUNDS = 3

/** User and system time, the least of some rounds: the machine is shared. */
function cpuSeconds(command: readonly string[]): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const script = '"$@" >/dev/null 2>&1; times'
    const lines = run('bash', ['-c', script, 'bash', ...command])
      .stdout.trim()
      .split('\n')
    const children = lines.at(-1) ?? ''
    return [...children.matchAll(/(\d+)m([\d.]+)s/g)]
      .map(([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds))
      .reduce((sum, part) => sum + part, 0)
  })
  return Math.min(...times)
}

const directory = mkdtempSync(join(tmpdir(), 'sonde-bench-'))
try {
  for (const workload of [unwindWorkloads.libcHeavy, unwindWorkloads.python]) {
    const file = join(directory, 'perf.data')
    const options = ['-q', '--buildid-mmap', '-e', 'cpu-clock', '-F', '3999', '--call-graph', 'dwarf,16384']
    const recording = ['record', ...options, '-o', file, '--', ...workload.command(4)]
    const { status, error } = spawnSync('perf', recording, { stdio: 'ignore' })
    if (status !== 0) {
      console.log(
        `${workload.name}: skipped, perf record does not work here${error ? `: ${error.message}` : ''}`,
      )
      continue
    }
    const stacks = run(launcher, ['report', '--stacks', file])
      .stdout.split('\n')[0]
      ?.replace(/^.*?: /, '')
    const own = cpuSeconds([launcher, 'report', '--stacks', file])
    const perf = cpuSeconds(['perf', 'script', '-i', file, '--no-inline', '-F', 'tid,time,ip'])
    const size = `${(statSync(file).size / 2 ** 20).toFixed(0)} MiB`
    console.log(`${workload.name}: ${size}, ${stacks}`)
    console.log(
      `  sonde ${own.toFixed(2)} s, perf script ${perf.toFixed(2)} s of CPU: ${(own / perf).toFixed(2)} times as much`,
    )
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
