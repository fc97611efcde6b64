import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { AgentError } from '../../src/core/errors.ts'
import { session, windowBatches } from '../unit/formats/perf-data/fixture.ts'
import {
  consumerOf,
  contextOf,
  NO_FLOCK,
  NO_PERF,
  perf,
  plainSession,
  type Totals,
  temporaryDirectory,
  totalsOf,
  tryLock,
} from './perf-data-tools.ts'

const never = new AbortController().signal
const WRITER = join(import.meta.dirname, 'perf-data-writer.ts')

/** Starts a writer, and returns how to kill it: that resolves with the samples that it knew to be written. */
async function startWriter(t: TestContext, directory: string): Promise<{ kill(): Promise<number> }> {
  const child = spawn(process.execPath, [WRITER, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  let told = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n')) told += Number(line)
  })
  await once(child.stdout, 'data')
  return {
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'close')
      return told
    },
  }
}

/** Killed between two writes of one flush a file has no features: perf then makes up the name `cpu-clock:HG`. */
function onlyTotal(file: string): Totals {
  const entries = Object.entries(totalsOf(file))
  assert.equal(entries.length, 1)
  const [[name, totals] = ['', { samples: 0, value: 0n }]] = entries
  assert.match(name, /^cpu-clock(:HG)?$/)
  return totals
}

const profiles = (directory: string): string => join(directory, 'profiles')
const names = (directory: string): string[] => readdirSync(profiles(directory)).sort()

test('kill -9 at any moment leaves a .part that perf reads to the last window, and the next start finishes it', {
  skip: NO_PERF || NO_FLOCK,
}, async (t) => {
  for (let round = 0; round < 6; round++) {
    const directory = temporaryDirectory(t)
    const writer = await startWriter(t, directory)
    await sleep(10 + Math.random() * 150)
    const told = await writer.kill()

    const parts = names(directory)
    assert.equal(parts.length, 1)
    const [part = ''] = parts
    assert.match(part, /^perf-\d{8}-\d{6}\.data\.part$/)
    const path = join(profiles(directory), part)
    const { samples, value } = onlyTotal(path)
    // The writer may have been killed between the flush and telling of it.
    assert.ok(samples === told || samples === told + 300, `${samples} samples where ${told} were told`)
    // The sessions take turns; their periods are 10101010 and 1.
    const [first, second] = [BigInt(Math.ceil(samples / 600)), BigInt(Math.floor(samples / 600))]
    assert.equal(value, 300n * (first * 10_101_010n + second))
    perf('report', '--stdio', '-i', path)
    perf('buildid-list', '-i', path)

    const consumer = consumerOf({}, contextOf(directory, { tryLock }))
    await consumer.start()
    await consumer.stop()
    assert.deepEqual(names(directory), [part.slice(0, -'.part'.length)])
    assert.equal(onlyTotal(path.slice(0, -'.part'.length)).samples, samples)
  }
})

test('two agents share a directory: neither takes the file that the other one writes', {
  skip: NO_PERF || NO_FLOCK,
}, async (t) => {
  const directory = temporaryDirectory(t)
  const writer = await startWriter(t, directory)
  const [part = ''] = names(directory)
  const context = contextOf(directory, { tryLock })
  const second = consumerOf({ maxFiles: 1, maxTotalBytes: '1B', maxFileBytes: 0 }, context)
  await second.start()
  assert.deepEqual(names(directory), [part])
  for (const batch of windowBatches({ sessions: [plainSession(1)], sequence: 0, samples: 50 })) {
    await second.consumeProfiles(batch, never)
  }
  assert.equal(names(directory).length, 2)
  await second.stop()
  assert.ok(names(directory).includes(part), 'a living agent lost its file to retention')
  const told = await writer.kill()
  assert.ok(onlyTotal(join(profiles(directory), part)).samples >= told)
})

test('what is not ours is left alone; an empty .part is removed', { skip: NO_FLOCK }, async (t) => {
  const directory = temporaryDirectory(t)
  mkdirSync(profiles(directory))
  const put = (name: string, bytes: Uint8Array) => writeFileSync(join(profiles(directory), name), bytes)
  put('perf-20260101-000000.data.part', new Uint8Array(0))
  put('perf-20260101-000001.data.part', new Uint8Array(4096))
  put('perf-20260101-000002.data.part', new Uint8Array(4096).fill(7))
  put('perf-yesterday.data', new Uint8Array(10))
  put('notes.txt', new Uint8Array(10))
  put('perf-20260101-000003.data.old', new Uint8Array(10))
  const context = contextOf(directory, { tryLock })
  const consumer = consumerOf({ maxFiles: 1, maxTotalBytes: 1 }, context)
  await consumer.start()
  await consumer.stop()
  assert.deepEqual(names(directory), [
    'notes.txt',
    'perf-20260101-000002.data.part',
    'perf-20260101-000003.data.old',
    'perf-yesterday.data',
  ])
  assert.ok(context.lines.some(({ level, message }) => level === 'warn' && message.includes('Left alone')))
})

test('a .part whose last flush was torn is finished without it', { skip: NO_PERF || NO_FLOCK }, async (t) => {
  const directory = temporaryDirectory(t)
  const consumer = consumerOf({}, contextOf(directory))
  await consumer.start()
  for (const batch of windowBatches({ sessions: [plainSession(1)], sequence: 0, samples: 50 })) {
    await consumer.consumeProfiles(batch, never)
  }
  const [part = ''] = names(directory)
  const path = join(profiles(directory), part)
  truncateSync(path, statSync(path).size + 12_345)
  const next = consumerOf({}, contextOf(directory, { tryLock }))
  await next.start()
  const finished = path.slice(0, -'.part'.length)
  assert.ok(existsSync(finished))
  assert.equal(totalsOf(finished)['cpu-clock']?.samples, 50)
  assert.match(perf('report', '--header-only', '-i', finished), /# hostname : node-7/)
  await next.stop()

  // Whoever loses the file to somebody without locks says so.
  await consumer.stop()
  assert.deepEqual(consumer.outcome().lost, { not_finished: 50 })
})

/** Somewhere that fills up. */
function smallDisk(t: TestContext, bytes: number): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-small-disk-'))
  t.after(() => {
    spawnSync('umount', ['--lazy', directory])
    rmSync(directory, { recursive: true })
  })
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory])
  return status === 0 ? directory : undefined
}

test('on a full disk the oldest files go first, then windows are refused with the path, then writing resumes', {
  skip: NO_PERF,
}, async (t) => {
  const directory = smallDisk(t, 2 ** 20)
  if (directory === undefined) return t.skip('mounting a small tmpfs needs CAP_SYS_ADMIN')
  const context = contextOf(directory)
  const consumer = consumerOf({ rotationInterval: '3s' }, context)
  await consumer.start()
  let accepted = 0
  const write = async (sequence: number) => {
    for (const batch of windowBatches({ sessions: [plainSession(1)], sequence, samples: 500 })) {
      await consumer.consumeProfiles(batch, never)
      accepted += batch.samples.length
    }
  }
  for (let sequence = 0; sequence < 40; sequence++) await write(sequence)
  assert.ok(context.lines.some(({ message }) => message.includes('deleted the oldest file')))
  assert.ok(names(directory).length < 14, 'older files made room')

  // Something else takes all there is, and what is made free for the next window too.
  const hog = join(directory, 'hog')
  const refused: unknown[] = []
  let sequence = 40
  for (; sequence < 100 && refused.length < 3; sequence++) {
    spawnSync('dd', ['if=/dev/zero', `of=${hog}`, 'bs=4k', 'oflag=append', 'conv=notrunc'])
    await write(sequence).catch((error: unknown) => refused.push(error))
  }
  assert.ok(refused.length > 0)
  for (const each of refused) {
    assert.ok(each instanceof AgentError)
    assert.match(
      each.message,
      /^Cannot write \/.*\/profiles.*: ENOSPC: no space left on device\. .*by itself\.$/,
    )
  }
  assert.ok(
    names(directory).some((name) => name.endsWith('.data')),
    'the newest finished file stays',
  )

  spawnSync('rm', [hog])
  await write(sequence)
  await consumer.stop()
  const { files, written, lost } = consumer.outcome()
  assert.equal(written, accepted)
  assert.deepEqual(lost, {})
  for (const file of files) {
    const totals = totalsOf(file)['cpu-clock']
    assert.equal((totals?.samples ?? 0) % 500, 0, 'no window is there in part')
    assert.equal(totals?.value, BigInt(totals?.samples ?? 0) * 10_101_010n)
  }
  assert.ok(names(directory).every((name) => name.endsWith('.data')))
})

test('a file that finds no room for its stack notes is finished without them, and that is said', {
  skip: NO_PERF,
}, async (t) => {
  const directory = smallDisk(t, 2 ** 20)
  if (directory === undefined) return t.skip('mounting a small tmpfs needs CAP_SYS_ADMIN')
  const context = contextOf(directory)
  const file = join(directory, 'one.data')
  const consumer = consumerOf({ file }, context)
  await consumer.start()
  // Stacks of many names: more notes than the page that is left.
  const spec = { sessions: [plainSession(1)], sequence: 0, samples: 500, processes: 3, reasons: 400 }
  for (const batch of windowBatches(spec)) await consumer.consumeProfiles(batch, never)
  spawnSync('dd', ['if=/dev/zero', `of=${join(directory, 'hog')}`, 'bs=4k'])
  await consumer.stop()
  assert.equal(totalsOf(file)['cpu-clock']?.samples, 500)
  assert.equal(consumer.outcome().written, 500)
  assert.equal(consumer.outcome().bytes, statSync(file).size)
  assert.ok(
    perf('report', '--header-only', '-i', file).includes('# hostname : node-7'),
    'the other features stay',
  )
  assert.ok(
    context.lines.some(({ message }) => message.startsWith('Cannot write into a perf.data file how far')),
    JSON.stringify(context.lines),
  )
})

test('perf_data keeps a machine that hides its kernel readable', { skip: NO_PERF }, async (t) => {
  const directory = temporaryDirectory(t)
  const consumer = consumerOf({}, contextOf(directory))
  await consumer.start()
  const { host } = session(1)
  const hidden = session(1, { host: { ...host, kernel: undefined } })
  for (const batch of windowBatches({ sessions: [hidden], sequence: 0, samples: 30 })) {
    await consumer.consumeProfiles(batch, never)
  }
  await consumer.stop()
  const [file = ''] = consumer.outcome().files
  assert.equal(totalsOf(file)['cpu-clock']?.samples, 30)
})
