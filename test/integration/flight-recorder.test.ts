import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { launcher, run, temporaryDirectory } from '../support/sonde.ts'
import { NO_PERF } from './perf-data-tools.ts'

const MARK = 'sonde-flight'

/** A process of this name that works for a second, and ends. */
function workFor(t: TestContext, milliseconds: number): Promise<unknown> {
  const code = `process.title = '${MARK}'; const end = Date.now() + ${milliseconds}; while (Date.now() < end);`
  const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  return once(child, 'exit')
}

const stamped = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => /^perf\.data\.\d{16}$/.test(name))
    .sort()

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    assert.ok(tries < 300, 'it did not happen within 30 s')
    await sleep(100)
  }
}

/** Sample times in seconds, and the lines of a process's frames, as perf script has them. */
function readByPerf(file: string) {
  const { status, stdout, stderr } = run('perf', ['script', '-i', file, '-F', 'comm,pid,time,ip,sym,dso'])
  assert.equal(stderr, '', file)
  assert.equal(status, 0, file)
  const times = [...stdout.matchAll(/^\S.*?\s(\d+\.\d+):\s*$/gm)].map(([, time]) => Number(time))
  return { times, text: stdout }
}

test('SIGUSR2 gives the last seconds, with the mappings of processes that have ended; the end gives what came after', {
  skip: NO_PERF,
}, async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'perf.data')
  const recorder = spawn(launcher, ['record', '-a', '-F', '199', '--overwrite=4s', '-o', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.after(() => recorder.kill('SIGKILL'))
  let said = ''
  recorder.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await sleep(7_000)
  await workFor(t, 1_000)
  recorder.kill('SIGUSR2')
  await until(() => stamped(directory).length === 1)
  await sleep(1_500)
  recorder.kill('SIGINT')
  const [status] = await once(recorder, 'exit')
  assert.equal(status, 0, said)
  assert.match(said, /[1-9]\d* older samples were overwritten/)

  const [name = ''] = stamped(directory)
  const dumped = readByPerf(join(directory, name))
  const after = readByPerf(file)
  const [first = 0, last = 0] = [dumped.times[0], dumped.times.at(-1)]
  assert.ok(last - first > 2 && last - first <= 5.5, `${last - first} s instead of 4 and a window at most`)
  assert.ok((after.times[0] ?? 0) > last, 'no sample is in both files')
  const ofWorker = dumped.text.split('\n\n').filter((sample) => sample.startsWith(MARK))
  assert.ok(ofWorker.length > 5, `${ofWorker.length} samples of the process that has ended`)
  const mapped = ofWorker.filter((sample) => sample.includes(process.execPath) || sample.includes('.so'))
  assert.ok(mapped.length > ofWorker.length / 2, 'its mappings are in the file')
})

test('without a flight recorder SIGUSR2 finishes the file, and not one sample is in none or in both', {
  skip: NO_PERF,
}, async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'perf.data')
  const summary = join(directory, 'summary.json')
  const args = ['record', '-F', '499', '-o', file, '-o', join(directory, 'all.folded'), '--summary', summary]
  // It ends with the directory, too.
  const going = join(directory, 'going')
  writeFileSync(going, '')
  const busy = `echo begun; while [ -e ${going} ]; do :; done`
  const recorder = spawn(launcher, [...args, '--', 'sh', '-c', busy], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => recorder.kill('SIGKILL'))
  await once(recorder.stdout, 'data')
  for (const count of [1, 2]) {
    await sleep(1_500)
    recorder.kill('SIGUSR2')
    await until(() => stamped(directory).length === count)
  }
  // Without a sample there is no file: the command goes on however long the others took to be written.
  await sleep(1_500)
  rmSync(going)
  const [status] = await once(recorder, 'exit')
  assert.equal(status, 0)
  const files = [...stamped(directory), 'perf.data'].map((name) => readByPerf(join(directory, name)))
  const { samples } = JSON.parse(spawnSync('cat', [summary], { encoding: 'utf8' }).stdout)
  assert.equal(
    files.reduce((sum, { times }) => sum + times.length, 0),
    samples.taken,
  )
  assert.equal(samples.written, samples.taken)
  for (const [index, { times }] of files.entries())
    assert.ok((times[0] ?? 0) > (files[index - 1]?.times.at(-1) ?? 0))
  const folded = readdirSync(directory).filter((name) => /^all\.(\d{16}\.)?folded$/.test(name))
  assert.equal(folded.length, 3)
})
