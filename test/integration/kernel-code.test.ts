// Code that the kernel made and took back while it was recorded has its name, in every output and for perf.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isInstalled, launcher, run, sonde, temporaryDirectory } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'

/** Of `ps`, so that the program comes when sampling has begun. */
const SAMPLING_MS = 1500

test('a BPF program that came and went is named', { timeout: 60_000 }, async (t) => {
  const trial = run(workload('bpf_spin'), ['1'])
  if (trial.status === 77) return t.skip(`no BPF program can be loaded here: ${trial.stdout.trim()}`)
  const directory = temporaryDirectory(t)
  const [data, folded] = [join(directory, 'perf.data'), join(directory, 'live.folded')]
  const recording = spawn(launcher, [
    'record',
    '-a',
    '-F',
    '999',
    '--duration',
    '5s',
    '-o',
    data,
    '-o',
    folded,
  ])
  const ended = once(recording, 'exit')
  await new Promise((resolve) => setTimeout(resolve, SAMPLING_MS))
  run(workload('bpf_spin'), ['1500'])
  assert.deepEqual(await ended, [0, null])

  const name = /bpf_prog_[0-9a-f]{16}_sonde_spin/
  const samplesOf = (text: string): number =>
    text
      .split('\n')
      .filter((line) => name.test(line) && line.startsWith('bpf_spin;'))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  const live = samplesOf(readFileSync(folded, 'utf8'))
  assert.ok(live > 300, `${live} samples of the 1500 that it ran`)

  const again = join(directory, 'again.folded')
  const converted = sonde(['convert', data, '-o', again])
  assert.equal(converted.status, 0, converted.stderr)
  assert.equal(samplesOf(readFileSync(again, 'utf8')), live, 'the recording tells it, too')

  if (!isInstalled('perf')) return
  const script = run('perf', ['script', '-i', data, '--comm', 'bpf_spin', '-F', 'ip,sym']).stdout
  const seen = script.split('\n\n').filter((sample) => name.test(sample)).length
  assert.equal(seen, live, 'perf sees as many')
})
