// perf samples the cgroups that the filter includes, and nothing else: on the real kernel, with the CPU time as the judge.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import type { ProfileBatch } from '../../src/core/profile.ts'
import type { FilterRule } from '../../src/core/sample-filter.ts'
import { cgroupMountsOf } from '../../src/sampler/cgroup-hierarchy.ts'
import { whyNot } from '../support/back-ends.ts'
import { leftOutOf, lostOf } from '../support/live-sampler.ts'
import { watchedSampling } from '../support/watched-sampling.ts'

const wholeMachine = process.getuid?.() === 0 ? {} : { skip: 'sampling the whole machine needs root' }
const PERIOD_NS = 1_000_000n

const mounts = cgroupMountsOf(readFileSync('/proc/self/mountinfo', 'utf8'))
/** Where perf knows cgroups: version 2, unless a hierarchy of version 1 has its controller. */
const hasOwn = mounts.some(({ controllers }) => controllers.includes('perf_event'))
const mount = hasOwn ? undefined : mounts.find(({ controllers }) => controllers.length === 0)?.mount

/** Cgroups below one of the test's own: undefined where none can be made. */
function madeIn(context: TestContext, names: readonly string[]): string | undefined {
  if (mount === undefined) {
    context.skip('cgroup2 is not where perf knows cgroups')
    return undefined
  }
  const top = `/sonde-scope-${process.pid}-${Math.trunc(performance.now())}`
  const all = [top, ...names.map((name) => `${top}/${name}`)]
  try {
    for (const path of all) mkdirSync(`${mount}${path}`)
  } catch (error) {
    context.skip(`no cgroup can be made in ${mount}: ${error}`)
    return undefined
  }
  context.after(async () => {
    for (const path of [...all].reverse()) await removed(`${mount}${path}`)
  })
  return top
}

async function removed(directory: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      // A process leaves it only when it has ended.
      const inside = readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n').filter(Boolean)
      for (const pid of inside) process.kill(Number(pid), 'SIGKILL')
      return rmdirSync(directory)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      await after(10)
    }
  }
}

/** A loop in the cgroup; it has begun there when the promise resolves. */
async function busyIn(context: TestContext, path: string | undefined): Promise<ChildProcess> {
  const enters = path === undefined ? '' : `echo $$ > ${mount}${path}/cgroup.procs;`
  const child = spawn('sh', ['-c', `${enters} echo there; while :; do :; done`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  context.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

const include = (path: string): FilterRule => ({ action: 'include', match: { by: 'cgroup', path } })

/** How long the process has run on a CPU, nanoseconds. */
const ranFor = ({ pid }: ChildProcess): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0])

function weightOf(batches: readonly ProfileBatch[], { pid }: ChildProcess): number {
  let value = 0n
  for (const { samples } of batches) {
    for (let index = 0; index < samples.length; index++) {
      if (samples.pid[index] === pid) value += samples.value[index] ?? 0n
    }
  }
  return Number(value)
}

const live = (rules: readonly FilterRule[]) =>
  watchedSampling(
    {
      backEnd: 'perf',
      target: { kind: 'machine' },
      filter: { rules },
      missingCgroups: 'awaited',
      periodNs: PERIOD_NS,
    },
    100,
  )

test(
  'perf samples the cgroups of the filter and those below them, each once, and captures no others',
  wholeMachine,
  async (context) => {
    const reason = whyNot('perf')
    if (reason !== undefined) return context.skip(reason)
    const top = madeIn(context, ['in', 'in/deep'])
    if (top === undefined) return
    const [above, inner, outside] = [
      await busyIn(context, top),
      await busyIn(context, `${top}/in/deep`),
      await busyIn(context, undefined),
    ]
    const { sampling, batches } = live([include(`${top}/in`), include(top), include(`${top}/in/deep`)])
    await sampling.begin()
    assert.deepEqual(sampling.status().cgroups, { byKernel: true, refused: null, missing: [] })
    const before = [above, inner].map(ranFor)
    while (ranFor(inner) - (before[1] ?? 0) < 1e9) await after(50)
    const ran = [above, inner].map((child, place) => ranFor(child) - (before[place] ?? 0))
    await sampling.stop()
    const weights = [above, inner].map((child) => weightOf(batches, child))
    const lost = lostOf(batches)
    context.diagnostic(`ran ${ran.join()}, sampled ${weights.join()}, lost ${lost}`)
    const missed = lost * Number(PERIOD_NS)
    for (const [place, weight] of weights.entries()) {
      const truth = ran[place] ?? 0
      assert.ok(weight > 0.9 * truth - missed && weight < 1.1 * truth + 50e6, `${weight} of ${truth}`)
    }
    assert.equal(weightOf(batches, outside), 0)
    assert.equal(leftOutOf(batches, 'filtered'), 0)
    assert.ok(missed < 0.1 * (ran[0] ?? 0) + 0.1 * (ran[1] ?? 0), `${lost} lost`)
  },
)

test(
  'a filter that changes is in force whichever of the two decides, and a cgroup that is made is found',
  wholeMachine,
  async (context) => {
    const reason = whyNot('perf')
    if (reason !== undefined) return context.skip(reason)
    const top = madeIn(context, ['a'])
    if (top === undefined) return
    const [inner, outside] = [await busyIn(context, `${top}/a`), await busyIn(context, undefined)]
    const { sampling, batches, said } = live([include(`${top}/a`), include(`${top}/later`)])
    /** What comes until there are samples enough, without what may still be of the filter before. */
    const settled = async (): Promise<void> => {
      await after(500)
      batches.length = 0
      while (batches.every(({ samples }) => samples.length === 0)) await after(100)
      await after(300)
    }
    await sampling.begin()
    assert.deepEqual(sampling.status().cgroups.missing, [`${top}/later`])
    await settled()
    assert.ok(weightOf(batches, inner) > 0)
    assert.equal(weightOf(batches, outside), 0)
    assert.deepEqual(said, [])

    sampling.setFilter({ rules: [{ action: 'exclude', match: { by: 'pid', pid: inner.pid ?? 0 } }] })
    await settled()
    assert.equal(sampling.status().cgroups.byKernel, false)
    assert.equal(weightOf(batches, inner), 0)
    assert.ok(weightOf(batches, outside) > 0)

    sampling.setFilter({ rules: [include(`${top}/later`), include(`${top}/a`)] })
    await settled()
    assert.equal(sampling.status().cgroups.byKernel, true)
    assert.ok(weightOf(batches, inner) > 0)
    assert.equal(weightOf(batches, outside), 0)

    mkdirSync(`${mount}${top}/later`)
    context.after(() => removed(`${mount}${top}/later`))
    const late = await busyIn(context, `${top}/later`)
    for (let tries = 0; tries < 50 && weightOf(batches, late) === 0; tries++) await after(100)
    assert.ok(weightOf(batches, late) > 0)
    const exit = once(late, 'exit')
    late.kill('SIGKILL')
    await exit
    await removed(`${mount}${top}/later`)
    for (let tries = 0; tries < 50 && said.length < 2; tries++) await after(100)
    await sampling.stop()
    assert.deepEqual(said, [
      `There is a cgroup ${top}/later now: its rule matches.`,
      `There is no cgroup ${top}/later now. Until there is, its rule matches nothing.`,
    ])
  },
)
