// Names of code that processes make while they run: perf-maps and jitdumps of real programs, of hostile ones, and of ones in
// namespaces of their own, beside what perf says of the same samples.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isInstalled, readSummary, run, sonde, sum, temporaryDirectory } from '../support/sonde.ts'
import { unwindWorkloads } from '../support/unwind-workloads.ts'
import { workload } from '../support/workload.ts'

const isRoot = process.getuid?.() === 0
const asRoot = isRoot ? {} : { skip: 'needs root' }
const withPerf = isInstalled('perf') ? {} : { skip: 'perf is not installed' }
const NOBODY = 65_534

/** Starts a program that says `ready`; it is killed with the test, and its perf-map removed. */
async function started(
  context: TestContext,
  command: string,
  args: readonly string[],
): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  context.after(() => {
    child.kill('SIGKILL')
    rmSync(`/tmp/perf-${child.pid}.map`, { force: true })
  })
  assert.ok(child.stdout)
  const [line] = await once(createInterface(child.stdout), 'line')
  assert.equal(line, 'ready')
  return child
}

interface Recorded {
  /** Samples by the name of a frame in code made at run time, each frame of a stack counted. */
  readonly frames: ReadonlyMap<string, number>
  readonly folded: string
  readonly stderr: string
}

function record(cwd: string, args: readonly string[]): Recorded {
  const recorded = sonde(['record', '-F', '499', '--summary', 's.json', '-o', 'x.folded', ...args], { cwd })
  assert.equal(recorded.status, 0, recorded.stderr)
  const folded = readFileSync(join(cwd, 'x.folded'), 'utf8')
  return { frames: jitFrames(folded), folded, stderr: recorded.stderr }
}

function jitFrames(folded: string): Map<string, number> {
  const frames = new Map<string, number>()
  for (const [, stack = '', count] of folded.matchAll(/^(.*) (\d+)$/gm)) {
    for (const frame of stack.split(';').filter((each) => each.endsWith('_[j]'))) {
      const name = frame.slice(0, -'_[j]'.length)
      frames.set(name, (frames.get(name) ?? 0) + Number(count))
    }
  }
  return frames
}

/** The first of two functions takes three quarters: within four standard deviations, as a busy machine gives few samples. */
function assertShares({ frames, stderr }: Recorded, first: string, second: string): void {
  const [one, two] = [frames.get(first) ?? 0, frames.get(second) ?? 0]
  const all = one + two
  assert.ok(all >= 30, `${stderr}${JSON.stringify([...frames])}`)
  const tolerance = 0.03 + 4 * Math.sqrt((0.75 * 0.25) / all)
  assert.ok(Math.abs(one / all - 0.75) < tolerance, JSON.stringify([...frames]))
}

/** What a command that ended wrote: its process number is not known here. */
function cleanUpAfter(context: TestContext): void {
  const before = new Set(readdirSync('/tmp'))
  context.after(() => {
    for (const name of readdirSync('/tmp')) {
      if (/^perf-\d+\.map$|^jit-\d+\.dump$/.test(name) && !before.has(name)) rmSync(join('/tmp', name))
    }
  })
}

test('functions of a perf-map are named while the process runs', async (context) => {
  const cwd = temporaryDirectory(context)
  const { pid } = await started(context, workload('jit'), ['perf-map', '30'])
  assertShares(record(cwd, ['-p', `${pid}`, '--duration', '2s']), 'jit_first', 'jit_second')
})

test('a command that has ended before its last window is named by what it left', (context) => {
  const cwd = temporaryDirectory(context)
  cleanUpAfter(context)
  assertShares(record(cwd, ['--', workload('jit'), 'perf-map', '2']), 'jit_first', 'jit_second')
})

test('a recording keeps the names when nothing is left of the process', async (context) => {
  const cwd = temporaryDirectory(context)
  const child = await started(context, workload('jit'), ['perf-map', '30'])
  const recorded = sonde(['record', '-F', '499', '--duration', '2s', '-p', `${child.pid}`, '-o', 'x.data'], {
    cwd,
  })
  assert.equal(recorded.status, 0, recorded.stderr)
  child.kill('SIGKILL')
  rmSync(`/tmp/perf-${child.pid}.map`)
  const converted = sonde(['convert', 'x.data', '-o', 'x.folded'], { cwd })
  assert.equal(converted.status, 0, converted.stderr)
  const folded = readFileSync(join(cwd, 'x.folded'), 'utf8')
  assertShares({ frames: jitFrames(folded), folded, stderr: converted.stderr }, 'jit_first', 'jit_second')
})

test('a jitdump is read where the process has mapped it, and comes before the perf-map', (context) => {
  const cwd = temporaryDirectory(context)
  cleanUpAfter(context)
  for (const [mode, first, second] of [
    ['jitdump', 'dump_first', 'dump_second'],
    ['moved', 'dump_first', 'dump_second'],
    ['both', 'dump_first', 'jit_second'],
  ] as const) {
    assertShares(record(cwd, ['--', workload('jit'), mode, '2', cwd]), first, second)
  }
})

test('a jitdump’s files and lines are in pprof', {
  skip: !isInstalled('go') && 'go is not installed',
}, (context) => {
  const cwd = temporaryDirectory(context)
  record(cwd, ['-o', 'x.pb.gz', '--', workload('jit'), 'jitdump', '2', cwd])
  const { stdout, stderr } = run('go', ['tool', 'pprof', '-lines', '-top', 'x.pb.gz'], { cwd })
  assert.match(stdout, /dump_first \/src\/first\.script:1[12]/, stderr)
})

test('memory that was used again has the name that was said last', (context) => {
  const cwd = temporaryDirectory(context)
  cleanUpAfter(context)
  const recorded = record(cwd, ['--', workload('jit'), 'reused', '2'])
  assertShares(recorded, 'jit_first', 'jit_second')
  assert.doesNotMatch(recorded.folded, /stale/)
})

test('a perf-map of another user names nothing, and it is said why', asRoot, async (context) => {
  const cwd = temporaryDirectory(context)
  const { pid } = await started(context, workload('jit'), ['perf-map', '30'])
  chownSync(`/tmp/perf-${pid}.map`, NOBODY, NOBODY)
  const foreign = record(cwd, ['-p', `${pid}`, '--duration', '1s'])
  assert.deepEqual([...foreign.frames], [])
  assert.match(
    foreign.stderr,
    new RegExp(`perf-${pid}.map: belongs to uid ${NOBODY}, the process runs as uid 0`),
  )
  chownSync(`/tmp/perf-${pid}.map`, 0, 0)
  chmodSync(`/tmp/perf-${pid}.map`, 0o666)
  const open = record(cwd, ['-p', `${pid}`, '--duration', '1s'])
  assert.deepEqual([...open.frames], [])
  assert.match(open.stderr, new RegExp(`perf-${pid}.map: others than uid 0 may write into it`))
})

test('of a perf-map of 200 MB the end is used, within bounds, and it is said', async (context) => {
  const cwd = temporaryDirectory(context)
  const { pid } = await started(context, workload('jit'), ['huge', '60'])
  const recorded = record(cwd, ['-p', `${pid}`, '--duration', '2s'])
  const { self } = readSummary(join(cwd, 's.json'))
  context.diagnostic(JSON.stringify(self))
  assert.ok(self.maxRssBytes < 250e6, JSON.stringify(self))
  // On a machine that is too slow to read it in time that is what is said.
  if (/took too long/.test(recorded.stderr)) return
  assertShares(recorded, 'jit_first', 'jit_second')
  assert.match(recorded.stderr, /too large: only its end was read/)
})

test('damage and control characters reach no terminal', (context) => {
  const cwd = temporaryDirectory(context)
  cleanUpAfter(context)
  const recorded = record(cwd, ['--', workload('jit'), 'damaged', '2'])
  assertShares(recorded, 'jit_?first', 'jit_second')
  assert.match(recorded.stderr, /damaged lines were left out/)
})

test('in mount and pid namespaces the perf-map is where the process sees it', asRoot, async (context) => {
  const cwd = temporaryDirectory(context)
  // The checkout may lie in /tmp.
  const elsewhere = mkdtempSync('/var/tmp/sonde-test-')
  context.after(() => rmSync(elsewhere, { recursive: true, force: true }))
  copyFileSync(workload('jit'), join(elsewhere, 'jit'))
  const script = `mount -t tmpfs none /tmp && ${elsewhere}/jit perf-map 30`
  const outer = await started(context, 'unshare', ['-mp', '--fork', '--kill-child', 'sh', '-c', script])
  const inner = processesBelow(outer.pid ?? 0).find(
    (pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'jit\n',
  )
  assert.ok(inner !== undefined)
  assert.ok(!existsSync(`/tmp/perf-${inner}.map`))
  const own = readdirSync(`/proc/${inner}/root/tmp`).filter((name) => name.startsWith('perf-'))
  assert.equal(own.length, 1)
  assert.notEqual(own[0], `perf-${inner}.map`)
  assertShares(record(cwd, ['-p', `${inner}`, '--duration', '2s']), 'jit_first', 'jit_second')
})

function processesBelow(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return (children.match(/\d+/g) ?? []).map(Number).flatMap((child) => [child, ...processesBelow(child)])
}

const HOT_SCRIPT = `
function hotOne(n) { let x = 0; for (let i = 0; i < n; i++) x = (x * 31 + i) | 0; return x }
function drive(until) { let s = 0; while (performance.now() < until) s += hotOne(30000); return s }
drive(performance.now() + 3000)
`

test('node --perf-basic-prof: what is read of V8 is what V8 wrote down for perf', withPerf, (context) => {
  const cwd = temporaryDirectory(context)
  cleanUpAfter(context)
  writeFileSync(join(cwd, 'hot.js'), HOT_SCRIPT)
  const command = [process.execPath, '--perf-basic-prof', 'hot.js']
  const ours = tally(record(cwd, ['-o', 'x.data', '--', ...command]).frames, javaScriptName)
  assert.ok(ours.has('hotOne') && ours.has('drive'), JSON.stringify([...ours]))
  const perfs = tally(perfJitFrames(cwd, 'x.data', /\/perf-\d+\.map\)$/), javaScriptName)
  const names = [...new Set([...ours.keys(), ...perfs.keys()])]
  const difference = sum(names.map((name) => Math.abs((ours.get(name) ?? 0) - (perfs.get(name) ?? 0))))
  const all = sum(perfs.values())
  context.diagnostic(`${all} frames by perf, ${sum(ours.values())} by sonde, ${difference} differ`)
  assert.ok(all >= 50 && difference <= 0.01 * all, JSON.stringify([[...ours], [...perfs]]))
})

/** How often each name stands, with the names told otherwise. */
function tally(frames: ReadonlyMap<string, number>, named: (name: string) => string): Map<string, number> {
  const tallied = new Map<string, number>()
  for (const [name, count] of frames) tallied.set(named(name), (tallied.get(named(name)) ?? 0) + count)
  return tallied
}

/** Of `JS:*'work /app.js:1:16`: a tier, whether inlining was tried, name and place. */
function javaScriptName(written: string): string {
  const name = /^JS:[*~^+]?'?(.*) \S*:\d+:\d+$/.exec(written)?.[1]
  return name === '' ? '(anonymous)' : (name ?? written)
}

const withJava = ['java', 'javac', 'jcmd'].every(isInstalled) ? {} : { skip: 'there is no JDK' }

test('a JVM that was asked for its perf-map: methods have their names', withJava, async (context) => {
  const cwd = temporaryDirectory(context)
  cleanUpAfter(context)
  const [command = '', ...args] = unwindWorkloads.java.command(60)
  const child = spawn(command, args, { stdio: 'ignore' })
  context.after(() => child.kill('SIGKILL'))
  // What is compiled after the map was written has no name.
  await sleep(6000)
  const asked = run('jcmd', [`${child.pid}`, 'Compiler.perfmap'])
  assert.equal(asked.status, 0, asked.stderr)
  const { frames, folded } = record(cwd, ['-p', `${child.pid}`, '--duration', '2s'])
  assert.ok((frames.get('int Busy.fibonacci(int)') ?? 0) >= 10, folded)
})

test('a jitdump: names are those of perf inject --jit', withPerf, (context) => {
  const cwd = temporaryDirectory(context)
  const { frames } = record(cwd, ['-o', 'x.data', '--', workload('jit'), 'moved', '2', cwd])
  const injected = run('perf', ['inject', '--jit', '-i', 'x.data', '-o', 'y.data'], { cwd })
  assert.equal(injected.status, 0, injected.stderr)
  const perfs = perfJitFrames(cwd, 'y.data', /\/jitted-\d+-\d+\.so\)$/)
  assert.deepEqual([...frames].sort(), [...perfs].sort())
})

/** Frames by name, of the objects that match, as perf reads them. */
function perfJitFrames(cwd: string, file: string, object: RegExp): Map<string, number> {
  const args = ['script', '-i', file, '--max-stack', '1024', '-F', 'ip,sym,dso']
  const script = run('perf', args, { cwd })
  const frames = new Map<string, number>()
  for (const line of script.stdout.split('\n').filter((each) => object.test(each))) {
    const name = /^\s*[0-9a-f]+ (.*) \([^()]*\)$/.exec(line)?.[1] ?? ''
    if (name !== '[unknown]') frames.set(name, (frames.get(name) ?? 0) + 1)
  }
  return frames
}

/** Says by its exit status whether it can, and leaves no file behind. */
const PROBE = `
import glob, os, sys
for path in glob.glob(f'/tmp/perf-{os.getpid()}.map') + glob.glob(f'/tmp/jit-{os.getpid()}.dump'): os.remove(path)
sys.exit(not sys.is_stack_trampoline_active())
`

const PYTHON = pythonWithTrampolines()

test(
  'python -X perf: functions by perf-map, and by jitdump from 3.13',
  PYTHON === undefined ? { skip: 'no Python from 3.12 on this machine' } : {},
  (context) => {
    const cwd = temporaryDirectory(context)
    cleanUpAfter(context)
    const script = `
import time
def inner(n):
    s = 0
    for i in range(n): s = (s * 31 + i) & 0xffffff
    return s
def outer(until):
    while time.monotonic() < until: inner(20000)
outer(time.monotonic() + 2)
`
    writeFileSync(join(cwd, 'hot.py'), script)
    const { command = '', modes = [] } = PYTHON ?? {}
    for (const mode of modes) {
      const { frames, folded } = record(cwd, ['--', command, '-X', mode, 'hot.py'])
      context.diagnostic(`${command} -X ${mode}: ${JSON.stringify([...frames].slice(0, 4))}`)
      const inner = [...frames].find(([name]) => name.startsWith('py::inner:'))
      assert.ok((inner?.[1] ?? 0) >= 20, folded)
    }
  },
)

function pythonWithTrampolines() {
  const versions = join(homedir(), '.pyenv/versions')
  const installed = existsSync(versions)
    ? readdirSync(versions).map((version) => join(versions, version, 'bin/python3'))
    : []
  for (const command of ['python3', ...installed.reverse()]) {
    const works = (mode: string) =>
      isInstalled(command) && run(command, ['-X', mode, '-c', PROBE]).status === 0
    const modes = ['perf', 'perf_jit'].filter(works)
    if (modes.length > 0) return { command, modes }
  }
  return undefined
}
