// Threads by their numbers and by their names: each has the samples of its own CPU time, and no others have any.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { BACK_ENDS, type BackEnd } from '../../src/core/back-end.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { EVERYTHING } from '../../src/core/sample-filter.ts'
import type { SampleTarget } from '../../src/sampler/plan.ts'
import { whyNot } from '../support/back-ends.ts'
import { lostOf } from '../support/live-sampler.ts'
import { watchedSampling } from '../support/watched-sampling.ts'
import { workload } from '../support/workload.ts'

const needsRoot = process.getuid?.() === 0 ? {} : { skip: 'both back-ends need root' }
const PERIOD_NS = 1_000_000n

function threadTest(name: string, body: (context: TestContext, backEnd: BackEnd) => Promise<void>): void {
  for (const backEnd of BACK_ENDS) {
    test(`${name} (${backEnd})`, needsRoot, async (context) => {
      const reason = whyNot(backEnd)
      if (reason === undefined) await body(context, backEnd)
      else context.skip(reason)
    })
  }
}

function started(context: TestContext, command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  context.after(() => child.kill('SIGKILL'))
  return child
}

/** Threads of a process by their names, when all are there. */
async function threadsOf(
  { pid }: ChildProcess,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  for (;;) {
    const found = new Map(
      readdirSync(`/proc/${pid}/task`).map((tid) => [
        readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim(),
        Number(tid),
      ]),
    )
    if (names.every((name) => found.has(name))) return found
    await after(5)
  }
}

/** How long a thread has run on a CPU, nanoseconds. */
const ranFor = (tid: number): number => Number(readFileSync(`/proc/${tid}/schedstat`, 'utf8').split(' ')[0])

/** Samples by the number of their thread, in nanoseconds. */
function weights(batches: readonly ProfileBatch[]): ReadonlyMap<number, number> {
  const sums = new Map<number, number>()
  for (const { samples } of batches) {
    for (let index = 0; index < samples.length; index++) {
      const tid = samples.tid[index] ?? 0
      sums.set(tid, (sums.get(tid) ?? 0) + Number(samples.value[index]))
    }
  }
  return sums
}

const live = (backEnd: BackEnd, target: SampleTarget, filter = EVERYTHING) =>
  watchedSampling({ backEnd, target, filter, periodNs: PERIOD_NS })

/** Each thread's samples are its CPU time, as far as none were lost. */
function assertShares(
  context: TestContext,
  batches: readonly ProfileBatch[],
  ran: ReadonlyMap<number, number>,
): void {
  const seen = weights(batches)
  const missed = lostOf(batches) * Number(PERIOD_NS)
  context.diagnostic(
    `ran ${JSON.stringify([...ran])}, sampled ${JSON.stringify([...seen])}, missed ${missed}`,
  )
  for (const [tid, truth] of ran) {
    const weight = seen.get(tid) ?? 0
    assert.ok(weight > 0.85 * truth - missed && weight < 1.15 * truth + 30e6, `${tid}: ${weight} of ${truth}`)
  }
}

async function whileRunning(tids: readonly number[], nanoseconds: number) {
  const before = tids.map(ranFor)
  while (tids.some((tid, place) => ranFor(tid) - (before[place] ?? 0) < nanoseconds)) await after(50)
  return (): ReadonlyMap<number, number> =>
    new Map(tids.map((tid, place) => [tid, ranFor(tid) - (before[place] ?? 0)]))
}

threadTest(
  'threads are sampled by their numbers, and no others of their process',
  async (context, backEnd) => {
    const child = started(context, workload('named_threads'), ['60', 'one', 'two', 'three'])
    const threads = await threadsOf(child, ['one', 'two', 'three'])
    const wanted = [threads.get('one') ?? 0, threads.get('three') ?? 0]
    const { sampling, batches } = live(backEnd, {
      kind: 'threads',
      tids: [...wanted, 4_194_303],
      inherit: true,
    })
    await sampling.begin()
    const ran = await whileRunning(wanted, 500e6)
    const truth = ran()
    await sampling.stop()
    assert.ok(
      sampling.notices.includes(
        'There is no thread 4194303: it has ended, or never was. The others are sampled.',
      ),
    )
    assertShares(context, batches, truth)
    assert.deepEqual([...weights(batches).keys()].sort(), [...wanted].sort())
  },
)

threadTest('sampling ends when the last of the threads has ended', async (context, backEnd) => {
  const child = started(context, workload('named_threads'), ['2', 'one', 'two'])
  const threads = await threadsOf(child, ['one', 'two'])
  const tids = [threads.get('one') ?? 0, threads.get('two') ?? 0]
  const { sampling, batches } = live(backEnd, { kind: 'threads', tids, inherit: true })
  await sampling.begin()
  if (child.exitCode === null) await once(child, 'exit')
  await sampling.ended
  await sampling.stop()
  assert.deepEqual([...weights(batches).keys()].sort(), [...tids].sort())
})

for (const inherit of [true, false]) {
  threadTest(`children of a thread are${inherit ? '' : ' not'} sampled`, async (context, backEnd) => {
    const shell = started(context, 'sh', ['-c', 'read go; sh -c "echo $$; while :; do :; done" & wait'])
    const { sampling, batches } = live(backEnd, { kind: 'threads', tids: [shell.pid ?? 0], inherit })
    await sampling.begin()
    shell.stdin?.write('go\n')
    // `$$` is the outer shell's number, which says that the inner one runs.
    await once(shell.stdout ?? shell, 'data')
    const [made] = readFileSync(`/proc/${shell.pid}/task/${shell.pid}/children`, 'utf8')
      .split(' ')
      .map(Number)
    context.after(() => process.kill(made ?? 0, 'SIGKILL'))
    const ran = await whileRunning([made ?? 0], 400e6)
    const truth = ran()
    await sampling.stop()
    if (inherit) assertShares(context, batches, truth)
    else assert.equal(weights(batches).get(made ?? 0), undefined)
  })
}

threadTest('of names of threads any will do, in any process', async (context, backEnd) => {
  const first = started(context, workload('named_threads'), ['60', 'sonde-one', 'sonde-two'])
  const second = started(context, workload('named_threads'), ['60', 'sonde-two', 'sonde-three'])
  const [a, b] = [
    await threadsOf(first, ['sonde-one', 'sonde-two']),
    await threadsOf(second, ['sonde-two', 'sonde-three']),
  ]
  const wanted = [a.get('sonde-one') ?? 0, b.get('sonde-three') ?? 0]
  const { sampling, batches } = live(
    backEnd,
    { kind: 'machine' },
    {
      rules: ['sonde-one', 'sonde-three'].map((comm) => ({ action: 'include', match: { by: 'comm', comm } })),
    },
  )
  await sampling.begin()
  const ran = await whileRunning(wanted, 400e6)
  const truth = ran()
  await sampling.stop()
  assertShares(context, batches, truth)
  assert.deepEqual([...weights(batches).keys()].sort(), [...wanted].sort())
})
