// Several configurations sampled side by side, and changed while they are, on the real kernel.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BACK_ENDS, type BackEnd } from '../../src/core/back-end.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { whyNot } from '../support/back-ends.ts'
import { collecting, collection, labelOf } from '../support/collected.ts'
import { sum } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'

const wholeMachine = process.getuid?.() === 0 ? {} : { skip: 'sampling the whole machine needs root' }
const KEY = 'sonde.v1.ProfileCollectionConfig:'

function collectionTest(name: string, body: (context: TestContext, backEnd: BackEnd) => Promise<void>): void {
  for (const backEnd of BACK_ENDS) {
    test(`${name} (${backEnd})`, wholeMachine, async (context) => {
      const reason = whyNot(backEnd)
      if (reason === undefined) await body(context, backEnd)
      else context.skip(reason)
    })
  }
}

/** Keeps a CPU busy. */
function busy(context: TestContext): number {
  const child = spawn(workload('shares'), ['600'], { stdio: 'ignore' })
  context.after(() => child.kill('SIGKILL'))
  return child.pid ?? assert.fail('the workload does not start')
}

const timesOf = (batches: readonly ProfileBatch[], label: string, pid: number): bigint[] =>
  batches
    .filter((batch) => labelOf(batch) === label)
    .flatMap(({ samples }) => [...samples.time].filter((_, index) => samples.pid[index] === pid))
    .sort((a, b) => (a < b ? -1 : 1))

const leftOutOf = (batches: readonly ProfileBatch[], reason: string): number =>
  sum(
    batches
      .flatMap(({ leftOut }) => leftOut.filter((each) => each.reason === reason))
      .map(({ count }) => count),
  )

collectionTest('a change leaves no gap, and counts nothing twice', async (context, backEnd) => {
  const pid = busy(context)
  const { agent, batches } = await collecting(context, backEnd, [collection('a', { version: '0' })])
  const CHANGES = 8
  for (let version = 1; version <= CHANGES; version++) {
    await sleep(250)
    const states = await agent.setCollections([
      collection('a', { version: String(version), interval: (100 + version) as never }),
    ])
    assert.deepEqual([...states], [[`${KEY}a`, { state: 'running' }]])
  }
  await sleep(250)
  await agent.stop()
  const gaps: number[] = []
  for (let version = 1; version <= CHANGES; version++) {
    const last = timesOf(batches, `a@${version - 1}`, pid).at(-1)
    const first = timesOf(batches, `a@${version}`, pid)[0]
    assert.ok(last !== undefined && first !== undefined, `version ${version} has samples`)
    assert.ok(first > last, 'the old one has nothing of the new one’s time')
    gaps.push(Number(first - last) / 1e6)
  }
  context.diagnostic(
    `gaps: ${gaps.map((gap) => gap.toFixed(1)).join(', ')} ms; overlap ${leftOutOf(batches, 'overlap')}`,
  )
  // The busy process may have to wait for its CPU, whoever samples.
  assert.ok(gaps.sort((a, b) => a - b)[CHANGES / 2]! <= 1 + 50)
  const ended = batches.filter(({ isLast }) => isLast)
  assert.equal(ended.length, CHANGES + 1)
})

collectionTest('two at once: each has the totals of its own', async (context, backEnd) => {
  const { agent, batches } = await collecting(context, backEnd, [
    collection('clock', { rate: { by: 'period', period: 10_000_000n } }),
    collection('faults', { eventName: 'page-faults:u', rate: { by: 'period', period: 1n } }),
  ])
  const PAGES = 20_000
  const child = spawn(workload('touch_pages'), [String(PAGES)], { stdio: 'ignore' })
  await new Promise((resolve) => child.once('exit', resolve))
  busy(context)
  await sleep(1_000)
  await agent.stop()
  const of = (name: string) => batches.filter(({ session }) => session.config?.name === name)
  const faults = sum(of('faults').map(({ samples }) => samples.pid.filter((pid) => pid === child.pid).length))
  const lost = sum(of('faults').flatMap(({ losses }) => losses.map(({ count }) => count)))
  assert.ok(faults + lost >= PAGES && faults < PAGES + 1_000, `${faults} faults, ${lost} lost`)
  for (const { samples } of of('clock')) assert.ok(samples.value.every((value) => value === 10_000_000n))
  const sessions = new Set(
    batches.map(({ session }) => `${session.id} ${session.source} ${session.event.name}`),
  )
  assert.equal(sessions.size, 2)
})

collectionTest('what is as it was goes on: a new version alone is only a name', async (context, backEnd) => {
  const { agent, batches } = await collecting(context, backEnd, [
    collection('stays'),
    collection('goes', { eventName: 'context-switches', rate: { by: 'period', period: 1n } }),
  ])
  busy(context)
  await sleep(300)
  await agent.setCollections([collection('stays', { version: '2' })])
  await sleep(300)
  await agent.stop()
  const stays = batches.filter(({ session }) => session.config?.name === 'stays')
  assert.equal(new Set(stays.map(({ session }) => session.id)).size, 1)
  assert.deepEqual([...new Set(stays.map(labelOf))], ['stays@1', 'stays@2'])
  const sequences = stays.map(({ window }) => window.sequence)
  assert.deepEqual(
    sequences,
    sequences.map((_, index) => index),
  )
  assert.equal(leftOutOf(stays, 'overlap'), 0)
  assert.equal(batches.filter(({ session, isLast }) => isLast && session.config?.name === 'goes').length, 1)
})

collectionTest(
  'one that this machine cannot sample leaves its predecessor running',
  async (context, backEnd) => {
    const { agent, batches, logged } = await collecting(context, backEnd, [collection('a')])
    const states = await agent.setCollections([collection('a', { version: '2', maxStackDepth: 1_000_000 })])
    const state = states.get(`${KEY}a`)
    assert.equal(state?.state, 'failed')
    assert.equal(state.kept, '1')
    assert.match(state.problem, /perf_event_max_stack/)
    assert.ok(
      logged.some((line) => /a \(version 2\) cannot be sampled: .* a \(version 1\) runs on\./s.test(line)),
    )
    const told = () => logged.filter((line) => line.includes('cannot be sampled')).length
    await agent.setCollections([collection('a', { version: '2', maxStackDepth: 1_000_000 })])
    assert.equal(told(), 1, 'another try of the same says nothing new')
    await agent.setCollections([
      collection('a', { version: '3', maxStackDepth: 1_000_000, kernelStacks: false }),
    ])
    assert.equal(told(), 2, 'another content is told, also with the same problem')
    await sleep(300)
    await agent.setCollections([collection('a', { version: '4', maxStackDepth: 64 })])
    await sleep(200)
    await agent.stop()
    assert.deepEqual([...new Set(batches.map(labelOf))], ['a@1', 'a@4'])
  },
)

collectionTest('without a collection nothing is sampled, until there is one', async (context, backEnd) => {
  const { agent, batches } = await collecting(context, backEnd, [])
  await sleep(200)
  assert.equal(batches.length, 0)
  await agent.setCollections([collection('late')])
  await sleep(300)
  await agent.stop()
  assert.ok(batches.length > 0)
})

/** All that an agent holds of the kernel, by what it is. */
function held(): Record<string, number> {
  const kinds: Record<string, number> = { threads: readdirSync('/proc/self/task').length }
  for (const fd of readdirSync('/proc/self/fd')) {
    const target = spawnSync('readlink', [`/proc/${process.pid}/fd/${fd}`], { encoding: 'utf8' }).stdout
    const kind = target.replace(/[:[(/].*/s, '') || 'file'
    kinds[target.startsWith('anon_inode') ? target.trim() : kind] =
      (kinds[target.startsWith('anon_inode') ? target.trim() : kind] ?? 0) + 1
  }
  return kinds
}

const residentMb = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024

/** SONDE_RELOADS=1000 is the long form. */
const RELOADS = Number(process.env.SONDE_RELOADS ?? 60)

collectionTest(
  'any number of changes leaves descriptors, events, threads and memory as they were',
  async (context, backEnd) => {
    const first = [collection('a', { interval: 10_000 as never })]
    const { agent } = await collecting(context, backEnd, first, 'none')
    const change = async (version: number): Promise<void> => {
      const states = await agent.setCollections([
        collection('a', { version: String(version), interval: (10_000 + version) as never }),
      ])
      assert.equal(states.get(`${KEY}a`)?.state, 'running')
      await sleep(20)
    }
    for (let version = 1; version <= 20; version++) await change(version)
    await sleep(500)
    const [before, mb] = [held(), residentMb()]
    for (let version = 21; version <= 20 + RELOADS; version++) await change(version)
    await sleep(500)
    context.diagnostic(
      `${RELOADS} changes: ${mb.toFixed(0)} MB before, ${residentMb().toFixed(0)} MB after; ${JSON.stringify(before)}`,
    )
    assert.deepEqual(held(), before)
    assert.ok(residentMb() < mb * 1.25 + 20)
  },
)

/** Kilobytes of each of perf's rings that this process maps. */
const ringsKb = (): number[] =>
  [
    ...readFileSync('/proc/self/maps', 'utf8').matchAll(
      /^([0-9a-f]+)-([0-9a-f]+) .*anon_inode:\[perf_event\]$/gm,
    ),
  ].map(([, from, to]) => (Number(`0x${to}`) - Number(`0x${from}`)) >> 10)

test(
  'beside others no ring is larger than it has to be, since they share what may be locked',
  wholeMachine,
  async (context) => {
    const fast = { rate: { by: 'period', period: 100_000n } } as const
    await collecting(context, 'perf', [collection('a', fast), collection('b', fast)])
    const rings = ringsKb()
    context.diagnostic(`${rings.join(', ')} KiB`)
    // A page of the kernel's stands before the ring.
    assert.ok(rings.length > 0 && Math.max(...rings) < 1024 + 64)
  },
)
