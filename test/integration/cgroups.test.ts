// Samples tell their cgroups: on the real kernel, in real cgroups, with perf and a decoder of pprof as judges.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { systemClock } from '../../src/base/clock.ts'
import { BACK_ENDS, type BackEnd } from '../../src/core/back-end.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { SampleCgroups } from '../../src/core/sample-cgroups.ts'
import { milliseconds } from '../../src/core/units.ts'
import type { NativeCgroupHierarchy } from '../../src/native/binding.ts'
import { loadAddon } from '../../src/native/load.ts'
import { cgroupMountsOf } from '../../src/sampler/cgroup-hierarchy.ts'
import { readHost } from '../../src/sampler/host.ts'
import type { SamplingPlan } from '../../src/sampler/plan.ts'
import { Sampler } from '../../src/sampler/sampler.ts'
import { machinePlan } from '../support/back-ends.ts'
import { readPprof } from '../support/pprof-reader.ts'
import { run, sonde, temporaryDirectory } from '../support/sonde.ts'

const mounts = cgroupMountsOf(readFileSync('/proc/self/mountinfo', 'utf8'))

/** One of version 2 and one of version 1, where this machine has them. */
const hierarchies = [
  { version: 2, mount: mounts.find(({ controllers }) => controllers.length === 0) },
  { version: 1, mount: mounts.find(({ controllers }) => controllers.includes('memory')) },
] as const

let made = 0

function isRemoved(directory: string): boolean {
  try {
    rmdirSync(directory)
    return true
  } catch {
    return false
  }
}

/** A cgroup of its own below a mount; skips the test where none can be made. */
function cgroupIn(
  context: TestContext,
  mount: string,
): { readonly path: string; readonly directory: string } | undefined {
  const path = `/sonde-test-${process.pid}-${made++}`
  const directory = `${mount}${path}`
  try {
    mkdirSync(directory)
  } catch (error) {
    context.skip(`no cgroup can be made in ${mount}: ${error}`)
    return undefined
  }
  context.after(async () => {
    for (let attempt = 0; existsSync(directory) && attempt < 500; attempt++) {
      const inside = readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n').filter(Boolean)
      for (const pid of inside) process.kill(Number(pid), 'SIGKILL')
      // A process leaves it only when it has ended.
      if (inside.length === 0 && isRemoved(directory)) return
      await after(10)
    }
  })
  return { path, directory }
}

/** A loop in the cgroup; it has begun there when the promise resolves. */
async function busyIn(directory: string): Promise<ChildProcess> {
  const script = `echo $$ > ${directory}/cgroup.procs; echo there; while :; do :; done`
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  return child
}

/** CPU time in user mode, in ticks of 10 ms. */
const ticksOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[11])

/** Until each has run as long, however busy the machine is. */
async function ranFor(ticks: number, children: readonly ChildProcess[]): Promise<void> {
  const until = children.map(({ pid }) => ticksOf(pid ?? 0) + ticks)
  while (children.some(({ pid }, index) => ticksOf(pid ?? 0) < (until[index] ?? 0))) await after(20)
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

/** What samples the whole machine by this back-end; undefined where it cannot. */
function planOf(backEnd: BackEnd): SamplingPlan | undefined {
  try {
    return machinePlan(backEnd, 499)
  } catch {
    return undefined
  }
}

/** A sampler that tells cgroups of this hierarchy, and what it emits. */
function samplerOf(
  plan: SamplingPlan,
  hierarchy: NativeCgroupHierarchy,
): { readonly sampler: Sampler; readonly batches: ProfileBatch[] } {
  const addon = loadAddon()
  const batches: ProfileBatch[] = []
  const [way] = plan.ways
  assert.ok(way !== undefined)
  const sampler = new Sampler(addon, {
    ways: plan.ways,
    sessions: () => plan.describe(readHost(addon.kernelFacts()), way),
    target: plan.target,
    cgroups: hierarchy,
    window: milliseconds(60_000),
    duration: undefined,
    clock: systemClock,
    emit: async (emitted) => void batches.push(...emitted),
  })
  return { sampler, batches }
}

/** The paths that the samples of a process have, each once. */
function pathsOf(batches: readonly ProfileBatch[], pid: number): readonly string[] {
  const paths = batches.flatMap((batch) => {
    const cgroups = new SampleCgroups(batch)
    return Array.from(batch.samples.pid, (each, sample) =>
      each === pid ? [cgroups.pathOf(sample)] : [],
    ).flat()
  })
  return [...new Set(paths)]
}

const isRoot = process.getuid?.() === 0

for (const backEnd of BACK_ENDS) {
  for (const { version, mount: found } of hierarchies) {
    const skip = (found === undefined || !isRoot) && `needs root, and cgroups of version ${version}`
    const name = `each sample is of the cgroup its process is in: ${backEnd}, version ${version}`
    test(name, { skip }, async (context) => {
      assert.ok(found !== undefined)
      const { mount, root, controllers } = found
      const plan = planOf(backEnd)
      if (plan === undefined) return context.skip(`${backEnd} does not work here`)
      const [one, other] = [cgroupIn(context, mount), cgroupIn(context, mount)]
      if (one === undefined || other === undefined) return
      const { sampler, batches } = samplerOf(plan, { controller: controllers[0] ?? '', mount, root })
      context.after(() => sampler.stop())
      const children = await Promise.all([one, other].map(({ directory }) => busyIn(directory)))
      await sampler.start()
      const late = cgroupIn(context, mount)
      assert.ok(late !== undefined)
      const brief = await busyIn(late.directory)
      await ranFor(20, [...children, brief])
      // The rings are read once a second: of version 1 nothing is known of what is gone by then.
      if (version === 1) await after(1_500)
      await ended(brief)
      rmdirSync(late.directory)
      await sampler.stop()
      for (const [index, { path }] of [one, other].entries()) {
        assert.deepEqual(pathsOf(batches, children[index]?.pid ?? 0), [path])
      }
      // The window closed after it was removed. It began where its parent is.
      const last = pathsOf(batches, brief.pid ?? 0).at(-1)
      const isTold = version === 2 || backEnd === 'perf'
      assert.equal(last, isTold ? late.path : '')
    })
  }
}

const unified = hierarchies[0].mount?.mount
const skip = (unified === undefined || !isRoot) && 'needs root, and cgroups of version 2'

test('a recording is reported by cgroup, and perf and pprof read the same of it', {
  skip,
}, async (context) => {
  const [one, other] = [cgroupIn(context, unified ?? ''), cgroupIn(context, unified ?? '')]
  if (one === undefined || other === undefined) return
  const cgroups = [one, other]
  const children = await Promise.all(cgroups.map(({ directory }) => busyIn(directory)))
  const cwd = temporaryDirectory(context)
  const pids = children.flatMap(({ pid }) => ['-p', String(pid)])
  const outputs = ['-o', 'a.data', '-o', 'a.pb.gz', '-o', 'a.folded']
  const recorded = sonde(['record', '-F', '499', ...pids, ...outputs, '--', 'sleep', '1.5'], { cwd })
  assert.equal(recorded.status, 0, recorded.stderr)

  const samples = readPprof(gunzipSync(readFileSync(join(cwd, 'a.pb.gz')))).samples
  const counts = cgroups.map(({ path }, index) => {
    const own = samples.filter(({ labels }) => labels.pid === BigInt(children[index]?.pid ?? 0))
    assert.deepEqual([...new Set(own.map(({ labels }) => labels.cgroup))], [path])
    return own.reduce((sum, { values }) => sum + Number(values[0]), 0)
  })
  assert.ok(
    counts.every((count) => count > 10),
    `${counts} samples`,
  )

  const expected = cgroups.map(({ path }, index) => `${counts[index]} ${path}`).sort()
  for (const file of ['a.data', 'a.pb.gz']) {
    const reported = sonde(['report', file, '--by', 'cgroup'], { cwd })
    const rows = [...reported.stdout.matchAll(/ % +(\d+) {2}(\/\S+)$/gm)].map(
      ([, count, path]) => `${count} ${path}`,
    )
    assert.deepEqual(rows.sort(), expected, reported.stdout + reported.stderr)
  }
  assert.ok(!readFileSync(join(cwd, 'a.folded'), 'utf8').includes(one.path))

  const judged = run(
    'perf',
    ['report', '-i', 'a.data', '--no-children', '-g', 'none', '-n', '--sort', 'cgroup', '--stdio'],
    { cwd },
  )
  const seen = [...judged.stdout.matchAll(/% +(\d+) +(\/\S+) *$/gm)].map(
    ([, count, path]) => `${count} ${path}`,
  )
  assert.deepEqual(seen.sort(), expected, judged.stdout + judged.stderr)
})
