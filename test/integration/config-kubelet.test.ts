// A directory of configuration that the kubelet writes.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { AtomicWriter, type Payload } from '../support/atomic-writer.ts'
import { EVENTS_ONLY, Follower, temporaryDirectory } from '../support/config-directories.ts'
import { inotifyWatches } from '../support/inotify.ts'

/** With it a swap has to be active within a second; else the figures are only told. */
const IS_TIMED = process.env.SONDE_TIMED_TESTS === '1'

const WRITER = join(import.meta.dirname, '../support/atomic-writer-child.ts')

const version = (number: number): Payload => ({ 'cpu.yaml': `collection cpu ${number} content-${number}` })
const inForce = (number: number): string => `cpu ${number} content-${number}`

/** Nothing but events says when to read. */
const follow = (context: TestContext, directory: string): Promise<Follower> =>
  Follower.start(context, directory, { clock: EVENTS_ONLY })

/** Never was a moment without the collection. */
const assertNoGap = (follower: Follower): void =>
  assert.ok(follower.states.every(({ collections }) => collections.some(({ name }) => name === 'cpu')))

test('100 swaps, one after the other: each is active, none ends what runs', async (context) => {
  const directory = temporaryDirectory(context)
  const writer = new AtomicWriter(directory)
  writer.write(version(0))
  const follower = await follow(context, directory)
  assert.deepEqual(follower.inForce, [inForce(0)])
  const latencies: number[] = []
  for (let number = 1; number <= 100; number++) {
    const other: Payload = number % 10 < 5 ? { 'z.yaml': `collection other 1 ${number % 5}` } : {}
    writer.write({ ...version(number), ...other })
    const expected = [inForce(number), ...('z.yaml' in other ? [`other 1 ${number % 5}`] : [])]
    latencies.push(await follower.untilInForce(...expected))
  }
  assertNoGap(follower)
  latencies.sort((a, b) => a - b)
  const [median = 0, longest = 0] = [latencies[50], latencies[99]]
  context.diagnostic(`active after ${median.toFixed(0)} ms, at most ${longest.toFixed(0)} ms`)
  if (IS_TIMED) assert.ok(longest < 1_000, `${longest} ms`)
})

test('100 swaps in bursts without a pause: the last of each is active', async (context) => {
  const directory = temporaryDirectory(context)
  const writer = new AtomicWriter(directory)
  writer.write(version(0))
  const follower = await follow(context, directory)
  let longest = 0
  for (let burst = 1, number = 0; number < 100; burst = (burst % 10) + 1) {
    for (let swap = 0; swap < burst; swap++) writer.write(version(++number))
    longest = Math.max(longest, await follower.untilInForce(inForce(number)))
  }
  assertNoGap(follower)
  context.diagnostic(`the last of a burst active after ${longest.toFixed(0)} ms at most`)
  if (IS_TIMED) assert.ok(longest < 1_000, `${longest} ms`)
})

test('swaps while the event loop is blocked for seconds: the last is active', async (context) => {
  const directory = temporaryDirectory(context)
  new AtomicWriter(directory).write(version(0))
  const follower = await follow(context, directory)
  let longest = 0
  for (let number = 3, round = 0; round < 5; number += 3, round++) {
    const pause = String(round * 300)
    const { status, stderr } = spawnSync(process.execPath, [WRITER, directory, String(number), '3', pause])
    assert.equal(status, 0, String(stderr))
    longest = Math.max(longest, await follower.untilInForce(inForce(number + 2)))
  }
  assertNoGap(follower)
  context.diagnostic(`active ${longest.toFixed(0)} ms after the loop was free again, at most`)
  if (IS_TIMED) assert.ok(longest < 1_000, `${longest} ms`)
})

test('a slow kubelet that moves a collection from one key to another: it is never gone', async (context) => {
  const directory = temporaryDirectory(context)
  const writer = new AtomicWriter(directory)
  writer.write({ 'a.yaml': 'collection cpu 1 same' })
  const follower = await follow(context, directory)
  for (const [number, name] of ['b.yaml', 'a.yaml', 'c.yaml', 'b.yaml'].entries()) {
    for (const _ of writer.steps({ [name]: `collection cpu ${number + 2} same` })) await sleep(30)
    await follower.untilInForce(`cpu ${number + 2} same`)
  }
  assertNoGap(follower)
})

test('keys that are added and removed', async (context) => {
  const directory = temporaryDirectory(context)
  const writer = new AtomicWriter(directory)
  const follower = await follow(context, directory)
  assert.match(follower.now.notices.join(), /nothing is sampled/)
  for (let round = 0; round < 5; round++) {
    writer.write({ 'a.yaml': `collection x ${round} A`, 'b.json': `collection y ${round} B` })
    await follower.untilInForce(`x ${round} A`, `y ${round} B`)
    writer.write({ 'b.json': `collection y ${round} B` })
    await follower.untilInForce(`y ${round} B`)
    writer.write({})
    await follower.untilInForce()
  }
})

test('a volume that is deleted and made again is followed, swap after swap', async (context) => {
  const directory = join(temporaryDirectory(context), 'agent')
  const follower = await follow(context, directory)
  assert.match(follower.now.notices.join(), /does not exist/)
  for (let round = 1; round <= 3; round++) {
    mkdirSync(directory)
    const writer = new AtomicWriter(directory)
    for (const number of [1, 2, 3]) {
      writer.write(version(10 * round + number))
      await follower.untilInForce(inForce(10 * round + number))
    }
    rmSync(directory, { recursive: true })
    await follower.untilInForce()
  }
})

test('a volume that is replaced in one go is followed, swap after swap', async (context) => {
  const directory = join(temporaryDirectory(context), 'agent')
  mkdirSync(directory)
  new AtomicWriter(directory).write(version(1))
  const follower = await follow(context, directory)
  for (let round = 1; round <= 5; round++) {
    rmSync(directory, { recursive: true })
    mkdirSync(directory)
    const writer = new AtomicWriter(directory)
    for (const number of [1, 2, 3]) {
      writer.write(version(10 * round + number))
      await follower.untilInForce(inForce(10 * round + number))
    }
  }
})

test('a directory of which not even the parents exist is found when it comes', async (context) => {
  const base = temporaryDirectory(context)
  const directory = join(base, 'etc/sonde/agent')
  const follower = await follow(context, directory)
  for (const path of ['etc', 'etc/sonde', 'etc/sonde/agent']) {
    mkdirSync(join(base, path))
    await sleep(200)
  }
  const writer = new AtomicWriter(directory)
  writer.write(version(1))
  const latency = await follower.untilInForce(inForce(1))
  context.diagnostic(`active after ${latency.toFixed(0)} ms`)
  writer.write(version(2))
  await follower.untilInForce(inForce(2))
})

test('1,000 swaps leave descriptors, inotify watches and memory flat; closed, nothing is open', async (context) => {
  const directory = temporaryDirectory(context)
  const held = (): readonly number[] => [readdirSync('/proc/self/fd').length, inotifyWatches()]
  const writer = new AtomicWriter(directory)
  const untouched = inotifyWatches()
  const follower = await follow(context, directory)
  const swap = async (from: number, to: number): Promise<void> => {
    for (let number = from; number < to; number++) {
      writer.write(version(number))
      // Every tenth is waited for, so that it is read; the rest come in bursts.
      if (number % 10 === 9) await follower.untilInForce(inForce(number))
      else await sleep(number % 3)
    }
    follower.states.splice(0, follower.states.length - 1)
  }
  await swap(0, 200)
  await sleep(300)
  const before = held()
  const rss = process.memoryUsage.rss()
  await swap(200, 1_200)
  await sleep(300)
  assert.deepEqual(held(), before, 'descriptors and watches')
  const grownMb = (process.memoryUsage.rss() - rss) / 1e6
  context.diagnostic(`memory grew by ${grownMb.toFixed(1)} MB; ${before[1]} watches`)
  assert.ok(grownMb < 20, `RSS grew by ${grownMb.toFixed(1)} MB`)
  await follower.close()
  assert.equal(inotifyWatches(), untouched)
})

test('an agent that waits for configuration lives until it is closed, and then ends by itself', async (context) => {
  const directory = temporaryDirectory(context)
  const child = spawn(process.execPath, [
    join(import.meta.dirname, '../support/config-directory-child.ts'),
    directory,
  ])
  context.after(() => child.kill('SIGKILL'))
  const first = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data: Buffer) => resolve(data.toString())),
  )
  assert.match(first, /nothing is sampled/)
  await sleep(500)
  assert.equal(child.exitCode, null)
  child.stdin.end('close\n')
  const code = await new Promise((resolve) => child.once('exit', resolve))
  assert.equal(code, 0)
})
