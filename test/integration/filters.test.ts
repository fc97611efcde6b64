// Whose samples are wanted, on the real kernel: by process, tree, name and user, one in N, and changed while it runs.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { type Agent, startAgent } from '../../src/agent.ts'
import { BACK_ENDS, type BackEnd } from '../../src/core/back-end.ts'
import type { LeftOutReason } from '../../src/core/loss.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import type { FilterRule } from '../../src/core/sample-filter.ts'
import { DEFAULT_SERVICE_POLICY } from '../../src/core/service-policy.ts'
import type { Status } from '../../src/core/status.ts'
import { hertz, milliseconds } from '../../src/core/units.ts'
import { findCgroups } from '../../src/sampler/cgroups.ts'
import { whyNot } from '../support/back-ends.ts'
import { launcher, readSummary, run, sonde, sum, temporaryDirectory } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'

const wholeMachine = process.getuid?.() === 0 ? {} : { skip: 'sampling the whole machine needs root' }

/** Runs the test with each back-end that works here. */
function filterTest(name: string, body: (context: TestContext, backEnd: BackEnd) => Promise<void>): void {
  for (const backEnd of BACK_ENDS) {
    test(`${name} (${backEnd})`, wholeMachine, async (context) => {
      const reason = whyNot(backEnd)
      if (reason === undefined) await body(context, backEnd)
      else context.skip(reason)
    })
  }
}

const SAMPLING = {
  events: ['cpu-clock'],
  rate: { by: 'frequency', hertz: hertz(999) },
  callGraph: { method: 'fp' },
  maxStack: undefined,
  ringBytes: undefined,
  target: { kind: 'machine' },
  commandLine: [],
  missingCgroups: 'refused',
} as const

/** Keeps a CPU busy under a name of its own, as this user. */
function busy(context: TestContext, name: string, wrapper: readonly string[] = []): number {
  const [command = '', ...args] = [...wrapper, busyProgram(context, name), '60']
  return pidOf(started(context, command, args))
}

function busyProgram(context: TestContext, name: string): string {
  const program = join(temporaryDirectory(context), name)
  copyFileSync(workload('shares'), program)
  return program
}

function started(context: TestContext, command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  context.after(() => child.kill('SIGKILL'))
  return child
}

function pidOf({ pid }: ChildProcess): number {
  assert.ok(pid !== undefined)
  return pid
}

const commOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()

/** Resolves when the processes run what they are to run. */
async function running(named: Readonly<Record<string, number>>): Promise<void> {
  for (const [name, pid] of Object.entries(named)) while (commOf(pid) !== name) await after(5)
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

interface Sample {
  readonly pid: number
  readonly comm: string
  readonly time: bigint
  readonly value: bigint
}

/** What an agent has handed over. */
class Seen {
  readonly samples: Sample[] = []
  readonly leftOut: Record<LeftOutReason, number> = { filtered: 0, sampled_out: 0, overlap: 0 }
  lost = 0

  add({ samples, strings, leftOut, losses }: ProfileBatch): void {
    for (let index = 0; index < samples.length; index++) {
      this.samples.push({
        pid: samples.pid[index] ?? 0,
        comm: strings.at(samples.comm[index] ?? 0),
        time: samples.time[index] ?? 0n,
        value: samples.value[index] ?? 0n,
      })
    }
    for (const { reason, count } of leftOut) this.leftOut[reason] += count
    this.lost += sum(losses.map(({ count }) => count))
  }

  of(pid: number): readonly Sample[] {
    return this.samples.filter((sample) => sample.pid === pid)
  }
}

interface Running {
  readonly agent: Agent
  readonly seen: Seen
}

async function sampling(
  context: TestContext,
  backEnd: BackEnd,
  rules: readonly FilterRule[],
): Promise<Running> {
  const seen = new Seen()
  const agent = await startAgent({
    sampling: {
      ...SAMPLING,
      backEnd,
      filter: { rules },
      window: milliseconds(100),
      duration: undefined,
    },
    consumers: async () => [],
    symbols: undefined,
    environment: {},
    services: DEFAULT_SERVICE_POLICY,
    dataDirectory: temporaryDirectory(context),
    lockDirectory: false,
    children: 'commands',
    lockDown: false,
    observe: (batch) => seen.add(batch),
    log: () => undefined,
    version: 'test',
  })
  context.after(() => agent.stop())
  return { agent, seen }
}

/** Lets it run until it has seen what is asked for. */
async function until({ agent }: Running, enough: () => boolean): Promise<void> {
  while (!enough()) await after(20)
  await agent.stop()
}

filterTest('of busy processes only the one that is included appears', async (context, backEnd) => {
  const names = ['flt-one', 'flt-two', 'flt-three'] as const
  const [one, two, three] = names.map((name) => busy(context, name))
  assert.ok(one !== undefined && two !== undefined && three !== undefined)
  await running({ 'flt-one': one, 'flt-two': two, 'flt-three': three })
  const runs = await sampling(context, backEnd, [{ action: 'include', match: { by: 'pid', pid: two } }])
  const { seen } = runs
  await until(runs, () => seen.of(two).length > 100 && seen.leftOut.filtered > 100)
  assert.deepEqual(new Set(seen.samples.map(({ pid }) => pid)), new Set([two]))
  assert.equal(seen.leftOut.sampled_out, 0)
})

filterTest('a name is left out whoever has it', async (context, backEnd) => {
  const [out, alsoOut, kept] = [busy(context, 'flt-out'), busy(context, 'flt-out'), busy(context, 'flt-in')]
  for (const pid of [out, alsoOut]) await running({ 'flt-out': pid })
  await running({ 'flt-in': kept })
  const runs = await sampling(context, backEnd, [
    { action: 'exclude', match: { by: 'comm', comm: 'flt-out' } },
  ])
  const { seen } = runs
  await until(runs, () => seen.of(kept).length > 100 && seen.leftOut.filtered > 100)
  assert.deepEqual([seen.of(out).length, seen.of(alsoOut).length], [0, 0])
})

filterTest('a descendant stays in the tree when its parent has ended', async (context, backEnd) => {
  const program = busyProgram(context, 'flt-orphan')
  const [root, stranger] = ['flt-root', 'flt-stranger'].map(() =>
    // Each line that comes makes a child, which makes a grandchild and ends.
    started(context, 'sh', ['-c', `while read line; do sh -c '${program} 60 & echo $!'; done`]),
  )
  assert.ok(root !== undefined && stranger !== undefined)
  const grandchildOf = async (shell: ChildProcess): Promise<number> => {
    assert.ok(shell.stdout !== null)
    const lines = createInterface({ input: shell.stdout })
    shell.stdin?.write('\n')
    const [line] = await once(lines, 'line')
    lines.close()
    const pid = Number(line)
    context.after(() => run('kill', ['-9', String(pid)]))
    await running({ 'flt-orphan': pid })
    return pid
  }
  const runs = await sampling(context, backEnd, [
    { action: 'include', match: { by: 'tree', pid: pidOf(root) } },
  ])
  const [orphan, other] = [await grandchildOf(root), await grandchildOf(stranger)]
  const { seen } = runs
  await until(runs, () => seen.of(orphan).length > 100 && seen.leftOut.filtered > 100)
  assert.equal(seen.of(other).length, 0)
  const strangers = seen.samples.filter(({ comm }) => comm !== 'sh' && comm !== 'flt-orphan')
  assert.deepEqual(strangers, [])
})

filterTest('a user’s processes are told by the effective user', async (context, backEnd) => {
  const uid = 54_321
  const own = busy(context, 'flt-root')
  const his = busy(context, 'flt-user', ['setpriv', '--reuid', String(uid), '--clear-groups', '--'])
  await running({ 'flt-root': own, 'flt-user': his })
  const runs = await sampling(context, backEnd, [{ action: 'include', match: { by: 'uid', uid } }])
  const { seen } = runs
  await until(runs, () => seen.of(his).length > 100 && seen.leftOut.filtered > 100)
  assert.deepEqual(new Set(seen.samples.map(({ pid }) => pid)), new Set([his]))
})

filterTest('one in ten is kept by chance, and counts ten times', async (context, backEnd) => {
  const pid = busy(context, 'flt-thin')
  await running({ 'flt-thin': pid })
  const match = { by: 'pid', pid } as const
  const runs = await sampling(context, backEnd, [
    { action: 'include', match },
    { action: 'thin', match, oneIn: 10 },
  ])
  const { seen } = runs
  await until(runs, () => seen.samples.length + seen.leftOut.sampled_out > 1_000)
  const period = BigInt(Math.floor(1e9 / SAMPLING.rate.hertz))
  assert.deepEqual(new Set(seen.samples.map(({ value }) => value)), new Set([10n * period]))
  const kept = seen.samples.length
  const came = kept + seen.leftOut.sampled_out
  const deviation = Math.sqrt(came * 0.1 * 0.9)
  assert.ok(Math.abs(kept - came / 10) < 5 * deviation, `${kept} of ${came} were kept`)
})

filterTest('a change takes effect within a second, and nothing is detached', async (context, backEnd) => {
  const [one, two] = [busy(context, 'flt-one'), busy(context, 'flt-two')]
  await running({ 'flt-one': one, 'flt-two': two })
  const only = (pid: number): readonly FilterRule[] => [{ action: 'include', match: { by: 'pid', pid } }]
  const runs = await sampling(context, backEnd, only(one))
  const { agent, seen } = runs
  while (seen.of(one).length < 50) await after(20)
  const changed = process.hrtime.bigint()
  agent.setFilter({ rules: only(two) })
  const since = (pid: number) => seen.of(pid).filter(({ time }) => time > changed + 1_000_000_000n)
  await until(runs, () => since(two).length > 50)
  assert.equal(since(one).length, 0)
  assert.ok(seen.of(two).every(({ time }) => time > changed - 1_000_000_000n))
})

filterTest('a process goes by its own name, whatever its threads are called', async (context, backEnd) => {
  const program = join(temporaryDirectory(context), 'flt-process')
  copyFileSync(workload('named_threads'), program)
  const threaded = pidOf(started(context, program, ['60', 'flt-thread', 'flt-other']))
  const namesake = busy(context, 'flt-thread')
  await running({ 'flt-process': threaded, 'flt-thread': namesake })
  const only = (comm: string): readonly FilterRule[] => [
    { action: 'include', match: { by: 'process', comm } },
  ]
  const runs = await sampling(context, backEnd, only('flt-process'))
  const { agent, seen } = runs
  while (seen.of(threaded).length < 100 || seen.leftOut.filtered < 100) await after(20)
  assert.deepEqual(new Set(seen.samples.map(({ pid }) => pid)), new Set([threaded]))
  const names = new Set(seen.samples.map(({ comm }) => comm))
  assert.ok(names.has('flt-thread') && names.has('flt-other'), [...names].join())
  const changed = process.hrtime.bigint()
  agent.setFilter({ rules: only('flt-thread') })
  const since = (pid: number) => seen.of(pid).filter(({ time }) => time > changed + 1_000_000_000n)
  await until(runs, () => since(namesake).length > 50)
  assert.equal(since(threaded).length, 0)
})

filterTest('a cgroup is included with those below it', async (context, backEnd) => {
  const mount = findCgroups([]).hierarchy?.mount ?? ''
  const path = `/sonde-filters-${process.pid}`
  const directories = [`${mount}${path}`, `${mount}${path}/below`]
  try {
    for (const directory of directories) mkdirSync(directory)
  } catch (error) {
    return context.skip(`no cgroup can be made here: ${error}`)
  }
  const children = directories.map((directory) => {
    const script = `echo $$ > ${directory}/cgroup.procs; exec ${busyProgram(context, 'flt-in')} 60`
    return started(context, 'sh', ['-c', script])
  })
  context.after(async () => {
    for (const child of children) if (child.kill('SIGKILL')) await once(child, 'exit')
    for (const directory of directories.toReversed()) rmdirSync(directory)
  })
  const [inside, below] = children.map(pidOf)
  assert.ok(inside !== undefined && below !== undefined)
  for (const pid of [inside, below]) await running({ 'flt-in': pid })
  const outside = busy(context, 'flt-out')
  await running({ 'flt-out': outside })
  const runs = await sampling(context, backEnd, [{ action: 'include', match: { by: 'cgroup', path } }])
  const { seen } = runs
  await until(
    runs,
    () => [inside, below].every((pid) => seen.of(pid).length > 50) && seen.leftOut.filtered > 50,
  )
  assert.deepEqual(new Set(seen.samples.map(({ pid }) => pid)), new Set([inside, below]))
})

// --- the command line ----------------------------------------------------------------------------

test(
  'record counts what its options leave out, beside losses and not among them',
  wholeMachine,
  async (context) => {
    const cwd = temporaryDirectory(context)
    const [kept, out] = [busy(context, 'flt-kept'), busy(context, 'flt-out')]
    await running({ 'flt-kept': kept, 'flt-out': out })
    const options = [
      '--include',
      'comm=flt-kept',
      '--thin',
      `pid=${kept}:4`,
      '--call-graph',
      'fp',
      '-F',
      '999',
    ]
    const outputs = ['-o', 'a.folded', '-o', 'a.data', '--summary', 's.json']
    const recorded = sonde(['record', ...options, ...outputs, '--duration', '1s'], { cwd })
    assert.equal(recorded.status, 0, recorded.stderr)
    assert.match(recorded.stderr, / left out \([\d,]+ filtered, [\d,]+ sampled_out\)\. Wrote /)
    const { samples, events } = readSummary(join(cwd, 's.json')) as ReturnType<typeof readSummary> & {
      readonly samples: { readonly leftOut: Record<string, number> }
      readonly events: Record<string, { readonly value: number }>
    }
    assert.ok((samples.leftOut.filtered ?? 0) > 0 && (samples.leftOut.sampled_out ?? 0) > 0)
    assert.deepEqual(
      Object.keys(samples.lost).filter((reason) => reason in samples.leftOut),
      [],
    )
    assert.equal(events['cpu-clock']?.value, samples.taken * 4 * Math.floor(1e9 / 999))
    const lines = readFileSync(join(cwd, 'a.folded'), 'utf8').trim().split('\n')
    assert.ok(lines.every((line) => line.startsWith('flt-kept;')))
    assert.equal(sum(lines.map((line) => Number(line.split(' ').at(-1)))), samples.taken * 4)
    const again = sonde(['convert', 'a.data', '-o', 'b.folded'], { cwd })
    assert.equal(again.status, 0, again.stderr)
    const converted = readFileSync(join(cwd, 'b.folded'), 'utf8').trim().split('\n')
    assert.equal(sum(converted.map((line) => Number(line.split(' ').at(-1)))), samples.taken * 4)
  },
)

const configWith = (sampler: string): string =>
  [
    'apiVersion: sonde/v1',
    'kind: AgentConfig',
    'spec:',
    `  sampler: {window: 200ms, ${sampler}}`,
    '  consumers: [{type: files, formats: [folded]}]',
  ].join('\n')

test(
  'SIGHUP makes a running agent read its filter again, and a bad file changes nothing',
  wholeMachine,
  async (context) => {
    const cwd = temporaryDirectory(context)
    const pid = busy(context, 'flt-kept')
    await running({ 'flt-kept': pid })
    const write = (sampler: string) => writeFileSync(join(cwd, 'agent.yaml'), configWith(sampler))
    write('filter: {}')
    const child = spawn(
      launcher,
      ['run', '--config', 'agent.yaml', '--data-directory', 'out', '--exclude', 'comm=flt-none'],
      {
        cwd,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    context.after(() => child.kill('SIGKILL'))
    let said = ''
    child.stderr?.on('data', (text) => {
      said += String(text)
    })
    const saying = async (words: string): Promise<void> => {
      while (!said.includes(words)) {
        assert.equal(child.exitCode, null, said)
        await after(20)
      }
    }
    const status = (): Status => {
      const asked = sonde(['status', '--json', '--data-directory', 'out'], { cwd })
      assert.equal(asked.status, 0, asked.stderr)
      return JSON.parse(asked.stdout) as Status
    }
    await saying('sampling cpu-clock')
    assert.deepEqual(status().filter, [{ action: 'exclude', match: 'comm=flt-none' }])
    assert.deepEqual(status().sessions[0]?.leftOut, {})

    write(`frequency: 199, filter: {include: [{pid: ${pid}}]}`)
    child.kill('SIGHUP')
    await saying('sampled is now: exclude comm=flt-none, include')
    await saying('needs a restart: sampler.frequency')
    while ((status().sessions[0]?.leftOut.filtered ?? 0) === 0) await after(50)
    assert.deepEqual(status().filter[1], { action: 'include', match: `pid=${pid}` })
    const text = sonde(['status', '--data-directory', 'out'], { cwd }).stdout
    assert.match(text, new RegExp(`^Sampled is: exclude comm=flt-none, include pid=${pid}$`, 'm'))

    write('filter: {include: [{pid: all}]}')
    child.kill('SIGHUP')
    await saying('agent.yaml:4:')
    assert.match(
      said,
      /the filter stays as it was:.*agent\.yaml:4:\d+: spec\.sampler\.filter\.include\[0\]\.pid: expected a number/,
    )
    assert.deepEqual(status().filter[1], { action: 'include', match: `pid=${pid}` })

    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  },
)
