// Names of running programs' frames, beside those that eu-stack of elfutils has for the same addresses.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ADDRESS_SPACES } from '../../src/core/process.ts'
import { loadAddon } from '../../src/native/load.ts'
import { isInstalled, run } from '../support/sonde.ts'
import { ALL_SOURCES } from '../support/symbol-options.ts'
import { buildIdOf, functionsOf } from '../support/symbol-oracle.ts'
import { type UnwindWorkload, unwindWorkloads } from '../support/unwind-workloads.ts'

const STOPS = 12
/** Share of the frames that eu-stack names. */
const EQUAL = 0.99
const {
  libcHeavy,
  exceptions,
  static: withoutLibraries,
  plt,
  threads,
  rust,
  go,
  python,
  node,
} = unwindWorkloads

for (const workload of [libcHeavy, exceptions, withoutLibraries, plt, threads, rust, go, python, node]) {
  test(`eu-stack has the same names: ${workload.name}`, lacking(workload), async (context) => {
    const frames = await framesOf(context, workload)
    const different = frames.filter((frame) => !isSame(frame))
    context.diagnostic(`${frames.length} frames that eu-stack names, ${different.length} differ`)
    const told = new Set(different.map(({ path, theirs, ours }) => `${path}: ${theirs}, here ${ours}`))
    for (const each of told) context.diagnostic(each)
    assert.ok(frames.length >= STOPS)
    assert.ok(different.length <= (1 - EQUAL) * frames.length, [...told].join('\n'))
  })
}

function lacking({ needs }: UnwindWorkload): { skip?: string } {
  const missing = ['eu-stack', 'nm', ...needs].filter((program) => !isInstalled(program))
  return missing.length > 0 ? { skip: `needs ${missing.join(', ')}` } : {}
}

/** A frame in a file. */
interface Place {
  readonly path: string
  /** Of the byte that is looked up: in a caller, one of its call. */
  readonly offset: bigint
  readonly theirs: string
}
type NamedFrame = Place & { readonly ours: string }

async function framesOf(context: TestContext, workload: UnwindWorkload): Promise<readonly NamedFrame[]> {
  const [command = '', ...args] = workload.command(3600)
  const child = spawn(command, args, { stdio: 'ignore' })
  context.after(() => stop(child))
  const pid = child.pid ?? assert.fail(`${command} does not start`)
  await sleep(800)
  const places: Place[] = []
  for (let round = 0; round < STOPS; round++) {
    await sleep(5 + 20 * Math.random())
    places.push(...stackPlaces(pid))
  }
  return await named(pid, places)
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** What eu-stack names, of all threads. `- 1` stands behind an address that is a return address. */
function stackPlaces(pid: number): readonly Place[] {
  const { stdout } = run('eu-stack', ['-r', '-a', '-n', '1000', '-p', `${pid}`])
  const maps = fileMappings(pid)
  return [...stdout.matchAll(/^#\d+ +0x([0-9a-f]+) (- 1)? *(\S+)$/gm)].flatMap(
    ([, pc, call, theirs = '']) => {
      const address = BigInt(`0x${pc}`) - (call === undefined ? 0n : 1n)
      const mapping = maps.find(({ start, end }) => start <= address && address < end)
      if (mapping === undefined) return []
      return [{ path: mapping.path, offset: address - mapping.start + mapping.offset, theirs }]
    },
  )
}

function fileMappings(pid: number) {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(
    /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ \d+ +(\/\S+)$/gm,
  )
  return [...lines].map(([, start, end, offset, path = '']) => ({
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    offset: BigInt(`0x${offset}`),
    path,
  }))
}

async function named(pid: number, places: readonly Place[]): Promise<readonly NamedFrame[]> {
  const paths = [...new Set(places.map(({ path }) => path))]
  const symbols = loadAddon().openSymbols(ALL_SOURCES)
  const byPath = paths.map((path) => places.filter((place) => place.path === path))
  const results = await symbols.nameImages(
    byPath.map((some, index) => requestFor(pid, paths[index] ?? '', some)),
    60_000,
  )
  symbols.close()
  return byPath.flatMap((some, index) =>
    some.map((place, at) => {
      const result = results[index]
      return { ...place, ours: result?.systemNames[(result.name[at] ?? 0) - 1] ?? '' }
    }),
  )
}

function requestFor(pid: number, path: string, places: readonly Place[]) {
  const { dev, ino } = statSync(path, { bigint: true })
  return {
    ...{ kind: 0, path, buildId: '', contentHash: '', pids: [pid], inode: ino },
    device: ((dev >> 8n) << 32n) | (dev & 0xffn),
    addresses: BigUint64Array.from(places, ({ offset }) => offset),
    addressSpace: ADDRESS_SPACES.indexOf('file_offset'),
  }
}

/** Two names of one function are as good as one. */
function isSame({ path, theirs, ours }: NamedFrame): boolean {
  return theirs === ours || aliasesOf(path, ours).has(theirs)
}

const known = new Map<string, ReadonlyMap<string, string>>()

/** Names that begin at the same address in the tables of the file and of its debug file. */
function aliasesOf(path: string, name: string): ReadonlySet<string> {
  const starts = known.get(path) ?? startsIn(path)
  known.set(path, starts)
  const start = starts.get(name)
  return new Set([...starts].filter(([, at]) => start !== undefined && at === start).map(([each]) => each))
}

function startsIn(path: string): ReadonlyMap<string, string> {
  const id = buildIdOf(path)
  const debug = `/usr/lib/debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`
  const functions = [path, debug].filter((file) => existsSync(file)).flatMap(functionsOf)
  return new Map(functions.map(({ name, start }) => [name, `${start}`]))
}
