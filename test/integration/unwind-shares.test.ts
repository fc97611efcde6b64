// How much of the time a function and what it calls take: by our stacks, and by those that perf unwinds itself.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isInstalled, launcher, run, temporaryDirectory } from '../support/sonde.ts'
import { type UnwindWorkload, unwindWorkloads } from '../support/unwind-workloads.ts'

const { libcHeavy, exceptions, rust, python } = unwindWorkloads
const SECONDS = 5
const SHARE = 0.05
/** Some 100 shares are compared: chance alone would exceed 4 in one run of 150. */
const SIGMAS = 5

for (const workload of [libcHeavy, exceptions, rust, python]) {
  test(
    `inclusive shares are those of perf record --call-graph dwarf: ${workload.name}`,
    lacking(workload),
    async (context) => {
      const [ours, perfs] = await recordedByBoth(context, workload)
      const names = [...perfs.functions.keys(), ...ours.functions.keys()]
      const large = [...new Set(names)].filter(
        (name) => Math.max(share(ours, name), share(perfs, name)) > SHARE,
      )
      context.diagnostic(`${large.length} functions, ${ours.samples} and ${perfs.samples} samples`)
      assert.ok(large.length > 5)
      const different = large.filter(
        (name) =>
          distance(ours, perfs, name) > SIGMAS && Math.abs(share(ours, name) - share(perfs, name)) > 0.01,
      )
      assert.deepEqual(
        different.map((name) => `${name}: ${share(ours, name)}, by perf ${share(perfs, name)}`),
        [],
      )
    },
  )
}

/** Samples whose stacks reach the root: perf loses up to 1 % of them, and every function far from the leaf with them. */
interface Profile {
  readonly samples: number
  /** In how many samples a function is on the stack. */
  readonly functions: ReadonlyMap<string, number>
}

function lacking({ needs }: UnwindWorkload): { skip?: string } {
  const missing = ['perf', ...needs].filter((program) => !isInstalled(program))
  return missing.length > 0 ? { skip: `needs ${missing.join(', ')}` } : {}
}

/** Both at the same time, so that the program is the same. */
async function recordedByBoth(
  context: TestContext,
  { command }: UnwindWorkload,
): Promise<[Profile, Profile]> {
  const directory = temporaryDirectory(context)
  const [program = '', ...args] = command(600)
  const child = spawn(program, args, { stdio: 'ignore' })
  context.after(() => child.kill('SIGKILL'))
  await sleep(1000)
  const pid = String(child.pid)
  const [own, other] = [join(directory, 'sonde.data'), join(directory, 'perf.data')]
  const dwarf = ['-q', '-e', 'cpu-clock', '-F', '999', '--call-graph', 'dwarf,8192']
  const statuses = await Promise.all([
    ended(launcher, ['record', '-F', '999', '-p', pid, '--duration', `${SECONDS}s`, '-o', own]),
    ended('perf', ['record', ...dwarf, '-p', pid, '-o', other, '--', 'sleep', String(SECONDS)]),
  ])
  assert.deepEqual(statuses, [0, 0])
  return [profileOf(own, 1n), profileOf(other, 0n)]
}

async function ended(program: string, args: readonly string[]): Promise<number> {
  const [status] = (await once(spawn(program, args, { stdio: 'ignore' }), 'exit')) as [number]
  return status
}

/**
 * Functions by name, or by address where the file says none. perf has already gone back from a return address to the call
 * where it has unwound the stack itself, and does not where a file has it: `back` steps are left to go.
 */
function profileOf(file: string, back: bigint): Profile {
  const script = run('perf', ['script', '--no-inline', '-F', 'ip,dso', '-i', file]).stdout
  const stacks = script
    .split('\n\n')
    .filter((text) => text.trim() !== '')
    .map((sample) => {
      const frames = [...sample.matchAll(/^\s*([0-9a-f]+) \((\/.*)\)$/gm)]
      return frames.map(([, address, path = ''], index) =>
        nameOf(path, BigInt(`0x${address}`) - (index === 0 ? 0n : back)),
      )
    })
  const roots = rootsOf(stacks)
  const whole = stacks.filter((stack) => roots.has(stack.at(-1) ?? ''))
  assert.ok(whole.length > stacks.length * 0.97, `${whole.length} of ${stacks.length} stacks of ${file}`)
  const functions = new Map<string, number>()
  for (const stack of whole) {
    for (const name of new Set(stack)) functions.set(name, (functions.get(name) ?? 0) + 1)
  }
  return { samples: whole.length, functions }
}

/** What stands outermost in many stacks; a stack that is broken ends anywhere. */
function rootsOf(stacks: readonly (readonly string[])[]): ReadonlySet<string> {
  const counts = new Map<string, number>()
  for (const stack of stacks) counts.set(stack.at(-1) ?? '', (counts.get(stack.at(-1) ?? '') ?? 0) + 1)
  return new Set([...counts].filter(([, count]) => count > stacks.length * SHARE).map(([name]) => name))
}

const symbols = new Map<string, readonly { readonly start: bigint; readonly name: string }[]>()
const named = new Map<string, string>()

/** By the last symbol before the address. It may be that of another function where a file is stripped: the same for both. */
function nameOf(path: string, address: bigint): string {
  const place = `${address.toString(16)} (${path})`
  const before = named.get(place)
  if (before !== undefined) return before
  const known = symbols.get(path) ?? symbolsOf(path)
  symbols.set(path, known)
  const found = known.findLast(({ start }) => start <= address)
  const name = found === undefined ? place : `${found.name} (${path})`
  named.set(place, name)
  return name
}

const symbolsOf = (path: string) =>
  [[], ['-D']]
    .flatMap((kind) =>
      run('nm', ['-n', '-C', '--defined-only', ...kind, path])
        .stdout.split('\n')
        .flatMap((line) => {
          const [, start, name] = /^([0-9a-f]{16}) [tTwWiu] (.*)$/.exec(line) ?? []
          return name === undefined ? [] : [{ start: BigInt(`0x${start}`), name }]
        }),
    )
    .sort((one, other) => Number(one.start - other.start))

const share = ({ samples, functions }: Profile, name: string): number => (functions.get(name) ?? 0) / samples

/** Between two shares, in standard deviations of their difference, were they equal. */
function distance(one: Profile, other: Profile, name: string): number {
  const both = (one.functions.get(name) ?? 0) + (other.functions.get(name) ?? 0)
  // Of a share near 0 or 1 a few samples are no evidence.
  const common = Math.min(
    (both + 4) / (one.samples + other.samples + 8),
    1 - 4 / (one.samples + other.samples),
  )
  const deviation = Math.sqrt(common * (1 - common) * (1 / one.samples + 1 / other.samples))
  return Math.abs(share(one, name) - share(other, name)) / deviation
}
