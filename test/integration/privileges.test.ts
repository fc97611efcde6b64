// A real agent as another user with the four capabilities, without each of them, and locked down: which threads have what,
// what its children get, and what is said.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CAPABILITY_PURPOSES, type CapabilityName } from '../../src/sampler/capabilities.ts'
import {
  AGENT_USER,
  asAgentUser,
  isRoot,
  maskOf,
  onlyThese,
  setsIn,
  type ThreadSets,
  threadsOf,
} from '../support/capabilities.ts'
import { launcher, type Run, readSummary, run, sonde, temporaryDirectory } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'

const root = join(import.meta.dirname, '../..')
const FOUR = CAPABILITY_PURPOSES.map(({ name }) => name)
const ALL = maskOf(FOUR)
const NONE = maskOf([])
/** CAP_SETGID and CAP_SETUID: root's reader of DWARF becomes nobody by them. */
const FOR_BECOMING_NOBODY = '00000000000000c0'
/** Threads of Node's own, of the sampler and of the worker that encodes. */
const EXPECTED_THREADS = ['MainThread', 'libuv-worker', 'sonde-sampler', 'sonde-rows', 'WorkerThread']

/** What does not come would be waited for. */
const timeout = 120_000
const asRoot = isRoot
  ? { timeout }
  : { skip: 'becoming another user, and having all capabilities, needs root' }
const builtLauncher = join(root, 'build/native/sonde-launcher')
const launching =
  isRoot && !existsSync(builtLauncher)
    ? { skip: 'there was no static C library when the native part was built' }
    : asRoot

/** Windows are short, so that the worker that encodes soon exists. */
const CONFIG = {
  apiVersion: 'sonde/v1',
  kind: 'AgentConfig',
  spec: {
    sampler: { window: '200ms' },
    consumers: [{ type: 'files', formats: ['folded'], write: 'per_window' }],
  },
}

/** A directory of the agent's user, with a configuration in it. */
function ownDirectory(context: TestContext, owner: number): string {
  const directory = temporaryDirectory(context)
  chownSync(directory, owner, owner)
  writeFileSync(join(directory, 'agent.yaml'), JSON.stringify(CONFIG))
  return directory
}

const RUN = ['run', '--config', 'agent.yaml', '--data-directory', 'out'] as const

/** setpriv's arguments for that user with these capabilities, as a container's runtime gives them with no_new_privs. */
const withAmbient = (given: readonly CapabilityName[]): readonly string[] => [
  ...asAgentUser(given),
  ...[`--inh-caps=${onlyThese(given)}`, `--ambient-caps=${onlyThese(given)}`, '--no-new-privs'],
]

/** Through the launcher, which executes Node with the bundle: no shell, as in a container. */
function throughLauncher(context: TestContext, args: readonly string[]): readonly string[] {
  const directory = temporaryDirectory(context)
  chmodSync(directory, 0o755)
  const program = join(directory, 'sonde-launcher')
  copyFileSync(builtLauncher, program)
  return [...withAmbient(FOUR), program, process.execPath, join(root, 'dist/sonde.mjs'), ...args]
}

interface Running {
  readonly child: ChildProcess
  readonly said: () => string
  /** Its threads, once those are there that every agent has while it works. */
  threads(): Promise<readonly ThreadSets[]>
  /** Ends it. Returns its exit code. */
  end(): Promise<number | null>
}

function started(context: TestContext, cwd: string, [command = '', ...args]: readonly string[]): Running {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  context.after(() => child.kill('SIGKILL'))
  const exit = once(child, 'exit')
  let said = ''
  const hear = (text: unknown): void => {
    said += String(text)
  }
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', hear)
  return {
    child,
    said: () => said,
    async threads() {
      for (;;) {
        assert.equal(child.exitCode, null, said)
        const threads = threadsOf(child.pid ?? 0)
        const names = new Set(threads.map(({ name }) => name))
        if (EXPECTED_THREADS.every((name) => names.has(name))) return threads
        await sleep(20)
      }
    },
    async end() {
      child.kill('SIGTERM')
      return ((await exit) as [number | null])[0]
    },
  }
}

const each = (threads: readonly ThreadSets[], set: string): readonly string[] => [
  ...new Set(threads.map(({ sets }) => sets[set] ?? '')),
]

test(
  'every thread of an agent that is not root has the four, and leaves none to what it executes',
  launching,
  async (context) => {
    const cwd = ownDirectory(context, AGENT_USER)
    const agent = started(context, cwd, ['setpriv', ...throughLauncher(context, RUN)])
    const threads = await agent.threads()
    assert.deepEqual([each(threads, 'Prm'), each(threads, 'Eff')], [[ALL], [ALL]])
    assert.deepEqual([each(threads, 'Inh'), each(threads, 'Amb')], [[NONE], [NONE]])
    assert.equal(await agent.end(), 0, agent.said())
    assert.match(agent.said(), /sampling cpu-clock/)
    assert.doesNotMatch(agent.said(), /missing|may get its capabilities/)
  },
)

test('a command that such an agent records has no capabilities', launching, (context) => {
  const cwd = ownDirectory(context, AGENT_USER)
  const command = ['record', '-o', 'p.folded', '--', 'cat', '/proc/self/status']
  const recorded = run('setpriv', throughLauncher(context, command), { cwd })
  assert.equal(recorded.status, 0, recorded.stderr)
  const { Prm, Eff, Inh, Amb } = setsIn(recorded.stdout)
  assert.deepEqual([Prm, Eff, Inh, Amb], [NONE, NONE, NONE, NONE])
})

test(
  'root’s agent keeps its own capabilities, and what it executes can have none but to become nobody',
  asRoot,
  async (context) => {
    const agent = started(context, ownDirectory(context, 0), [launcher, ...RUN])
    const threads = await agent.threads()
    const own = setsIn(readFileSync('/proc/self/status', 'utf8'))
    assert.deepEqual([each(threads, 'Prm'), each(threads, 'Eff')], [[own.Prm], [own.Eff]])
    assert.deepEqual([each(threads, 'Inh'), each(threads, 'Amb')], [[NONE], [NONE]])
    assert.deepEqual(each(threads, 'Bnd'), [FOR_BECOMING_NOBODY])
    assert.equal(await agent.end(), 0, agent.said())
  },
)

test('a command that root records has the capabilities that it has without Sonde', asRoot, (context) => {
  const cwd = temporaryDirectory(context)
  const plain = setsIn(run('cat', ['/proc/self/status']).stdout)
  for (const options of [[], ['-a', '--lock-down']]) {
    const recorded = sonde(['record', ...options, '-o', 'p.folded', '--', 'cat', '/proc/self/status'], {
      cwd,
    })
    assert.equal(recorded.status, 0, recorded.stderr)
    assert.deepEqual(setsIn(recorded.stdout), { ...plain, Inh: NONE, Amb: NONE }, options.join())
  }
})

test('locked down, no thread has any capability, and sampling goes on', asRoot, async (context) => {
  for (const command of [
    [launcher, ...RUN, '--lock-down'],
    ['setpriv', ...withAmbient(FOUR), launcher, ...RUN, '--lock-down'],
  ]) {
    const cwd = ownDirectory(context, command[0] === 'setpriv' ? AGENT_USER : 0)
    const agent = started(context, cwd, [...command, '--summary', 's.json'])
    while (!agent.said().includes('Locked down')) {
      assert.equal(agent.child.exitCode, null, agent.said())
      await sleep(20)
    }
    const before = Date.now()
    const threads = await agent.threads()
    for (const set of ['Prm', 'Eff', 'Inh', 'Amb']) assert.deepEqual(each(threads, set), [NONE], set)
    await sleep(500)
    assert.equal(await agent.end(), 0, agent.said())
    assert.match(agent.said(), /Locked down, .*CPUs that come later.*other users' processes.*kernel modules/)
    const { sessions, samples } = readSummary(join(cwd, 's.json'))
    assert.ok(samples.taken > 0)
    assert.ok(Date.parse(sessions[0]?.endedAt ?? '') > before, 'the last window is from after it')
  }
})

test(
  'locked down, root writes only where its own files are: said before anything is lost',
  asRoot,
  (context) => {
    const cwd = temporaryDirectory(context)
    const theirs = join(cwd, 'theirs')
    mkdirSync(theirs, { mode: 0o755 })
    chownSync(theirs, AGENT_USER, AGENT_USER)
    const record = (...options: string[]): Run =>
      sonde(['record', '-a', '--duration', '100ms', '-o', 'theirs/p.folded', ...options], { cwd })
    assert.equal(record().status, 0)
    const refused = record('--lock-down')
    assert.equal(refused.status, 1)
    assert.match(refused.stderr, /Locked down: Cannot write theirs\/p\.folded: permission denied/)
    const agent = sonde(['run', '--duration', '100ms', '--lock-down', '--data-directory', 'theirs'], { cwd })
    assert.match(agent.stderr, /Locked down: Cannot write to the data directory .*EACCES/)
  },
)

test('spec.sampler.lockDown is the same as --lock-down', asRoot, (context) => {
  const cwd = ownDirectory(context, 0)
  const { spec } = CONFIG
  const locked = { ...CONFIG, spec: { ...spec, sampler: { ...spec.sampler, lockDown: true } } }
  writeFileSync(join(cwd, 'agent.yaml'), JSON.stringify(locked))
  const ran = sonde([...RUN, '--duration', '300ms'], { cwd })
  assert.equal(ran.status, 0, ran.stderr)
  assert.match(ran.stderr, /Locked down/)
})

/** What a recording of the whole machine says and shows while root runs a program of its own. */
function recordedBeside(
  context: TestContext,
  given: readonly CapabilityName[],
): Run & { readonly folded: string } {
  const cwd = ownDirectory(context, AGENT_USER)
  const busy = spawn(workload('shares'), ['60'], { stdio: 'ignore' })
  context.after(() => busy.kill('SIGKILL'))
  const args = ['record', '-a', '-F', '199', '--duration', '1s', '-o', 'p.folded']
  const recorded = run('setpriv', [...withAmbient(given), launcher, ...args], { cwd })
  busy.kill('SIGKILL')
  const file = join(cwd, 'p.folded')
  return { ...recorded, folded: existsSync(file) ? readFileSync(file, 'utf8') : '' }
}

const ROOTS_FUNCTION = /^shares;.*three_quarters/m
/** How the kernel is entered, on x86-64 and arm64. The names of BPF programs come by other means. */
const KERNEL_FUNCTION = /;(?:entry_|asm_|do_syscall_|irqentry_|el0)\w*_\[k\]/

test(
  'with the four, root’s processes and the kernel have names; without one, only what it serves is lacking',
  asRoot,
  (context) => {
    const complete = recordedBeside(context, FOUR)
    assert.equal(complete.status, 0, complete.stderr)
    assert.ok(ROOTS_FUNCTION.test(complete.folded))
    assert.ok(KERNEL_FUNCTION.test(complete.folded))
    assert.doesNotMatch(complete.stderr, /is missing/)
    for (const missing of ['CAP_BPF', 'CAP_SYS_PTRACE', 'CAP_SYSLOG'] as const) {
      const recorded = recordedBeside(
        context,
        FOUR.filter((name) => name !== missing),
      )
      assert.equal(recorded.status, 0, recorded.stderr)
      assert.ok(ROOTS_FUNCTION.test(recorded.folded), missing)
      assert.equal(KERNEL_FUNCTION.test(recorded.folded), missing !== 'CAP_SYSLOG', missing)
      const said = recorded.stderr.match(/CAP_\w+ is missing/g) ?? []
      assert.deepEqual(said, missing === 'CAP_BPF' ? [] : [`${missing} is missing`])
      assert.equal(/need CAP_BPF/.test(recorded.stderr), missing === 'CAP_BPF')
    }
  },
)

test(
  'without CAP_PERFMON an agent samples the processes of its user, and says so',
  asRoot,
  async (context) => {
    const paranoid = Number(readFileSync('/proc/sys/kernel/perf_event_paranoid', 'utf8'))
    if (paranoid < 1 || paranoid > 2) return context.skip(`kernel.perf_event_paranoid is ${paranoid}`)
    const cwd = ownDirectory(context, AGENT_USER)
    const given = FOUR.filter((name) => name !== 'CAP_PERFMON')
    const own = spawn('setpriv', [...asAgentUser([]), workload('shares'), '60'], { stdio: 'ignore' })
    context.after(() => own.kill('SIGKILL'))
    await once(own, 'spawn')
    const args = [...RUN, '--duration', '2s', '--summary', 's.json']
    const ran = run('setpriv', [...withAmbient(given), launcher, ...args], { cwd })
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stderr, /only the \d+ processes of this user.*CAP_PERFMON/)
    assert.match(ran.stdout, /three_quarters/)
    assert.ok(readSummary(join(cwd, 's.json')).samples.taken > 0)
  },
)
