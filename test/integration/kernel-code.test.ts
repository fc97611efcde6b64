// Code that the kernel made and took back while it was recorded has its name, in every output and for perf.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isInstalled, launcher, run, sonde, temporaryDirectory } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'

test('a BPF program that came and went is named', { timeout: 60_000 }, async (t) => {
  const trial = run(workload('bpf_spin'), ['1'])
  if (trial.status === 77) return t.skip(`no BPF program can be loaded here: ${trial.stdout.trim()}`)
  const directory = temporaryDirectory(t)
  const [data, folded] = [join(directory, 'perf.data'), join(directory, 'live.folded')]
  const outputs = ['-o', data, '-o', folded]
  const waiting = ['--', 'sh', '-c', 'echo begun; read end']
  const recording = spawn(launcher, ['record', '-a', '-F', '999', ...outputs, ...waiting], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  t.after(() => recording.kill('SIGKILL'))
  const ended = once(recording, 'exit')
  // Its command runs when everything is being sampled.
  await Promise.race([once(recording.stdout, 'data'), ended])
  recording.stdout.resume()
  run(workload('bpf_spin'), ['1500'])
  recording.stdin.end('\n')
  assert.deepEqual(await ended, [0, null])

  const name = /bpf_prog_[0-9a-f]{16}_sonde_spin/
  const samplesOf = (text: string, what: RegExp): number =>
    text
      .split('\n')
      .filter((line) => what.test(line) && line.startsWith('bpf_spin;'))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  const recorded = readFileSync(folded, 'utf8')
  const live = samplesOf(recorded, name)
  const all = samplesOf(recorded, /./)
  // On a busy machine the program gets a part of its CPU.
  assert.ok(live > 50 && live > 0.6 * all, `${live} of ${all} samples are of the program`)

  const again = join(directory, 'again.folded')
  const converted = sonde(['convert', data, '-o', again])
  assert.equal(converted.status, 0, converted.stderr)
  assert.equal(samplesOf(readFileSync(again, 'utf8'), name), live, 'the recording tells it, too')

  if (!isInstalled('perf')) return
  const script = run('perf', ['script', '-i', data, '--comm', 'bpf_spin', '-F', 'ip,sym']).stdout
  const seen = script.split('\n\n').filter((sample) => name.test(sample)).length
  // In a retpoline the program's first byte stands on the stack like a return address: perf takes it for one of the program.
  assert.ok(seen >= live && seen - live <= 0.01 * live, `perf sees ${seen}, Sonde ${live}`)
})
