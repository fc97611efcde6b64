import assert from 'node:assert/strict'
import { test } from 'node:test'
import { avma, fileOffset, svma } from '../../../src/core/address.ts'
import type { Image, ProcessEvent } from '../../../src/core/process.ts'
import type { Frame, ProfileBatch } from '../../../src/core/profile.ts'
import type { SymbolSource } from '../../../src/core/symbol-policy.ts'
import { monotonicTime } from '../../../src/core/units.ts'
import { WindowBuilder } from '../../../src/core/window-builder.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import type { NativeJitRequest, NativeJitResult } from '../../../src/native/binding.ts'
import { JitNames } from '../../../src/symbols/jit-names.ts'
import { NamesBuilder } from '../../../src/symbols/names-builder.ts'
import { Problems } from '../../../src/symbols/problems.ts'
import { sessionInfo } from '../../support/session.ts'
import { countTurns } from '../../support/turns.ts'

const anonymous = (path: string): Image => ({ kind: 'anonymous', path, buildId: '', device: 0n, inode: 0n })
const file = (path: string): Image => ({ kind: 'file', path, buildId: '', device: 8n, inode: 77n })

type NativeFrame = Extract<Frame, { kind: 'native' }>

/** A window under construction: frames and events name mappings by number. */
class Window {
  readonly builder = new WindowBuilder()
  readonly #frames: number[] = []

  mapping(pid: number, image: Image): number {
    return this.builder.addMapping({
      pid,
      image: this.builder.addImage(image),
      start: avma(0x1000n),
      end: avma(0x9000n),
      fileOffset: fileOffset(0n),
      bias: 0n,
      addressSpace: image.kind === 'file' ? 'svma' : 'avma',
      protection: 5,
      flags: 2,
    })
  }

  frame(
    mapping: number,
    address: bigint,
    rest: Pick<NativeFrame, 'functions'> & { returnAddress?: boolean } = {},
  ): void {
    const frame = { kind: 'native', mapping, svma: svma(address), returnAddress: false, ...rest } as const
    this.#frames.push(this.builder.addFrame(frame))
  }

  batch(): ProfileBatch {
    const stack = this.builder.addStack(this.#frames, 'complete')
    const session = sessionInfo()
    this.builder.addSample(session.id, { time: 5n, pid: 1, tid: 1, cpu: 0, stack, value: 1n, comm: 'c' })
    const [batch] = batchesOf(this.builder.build({ start: 100n, end: 200n, unixOffset: 0n, sequence: 0 }), [
      session,
    ])
    return batch as ProfileBatch
  }
}

const at = (time: bigint, pid: number) => ({ time: monotonicTime(time), pid, tid: pid, synthesised: false })

/** Names by `<source><address>`, as far as `known` says that the source knows the address. */
function namerOf(
  known: (source: string, address: bigint) => boolean,
  sources: readonly SymbolSource[] = ['jitdump', 'perf_map'],
  problem = '',
) {
  const asked: NativeJitRequest[] = []
  const answer = ({ source, addresses }: NativeJitRequest): NativeJitResult => {
    const name = source === 0 ? 'jitdump' : 'perf_map'
    const functions = [...addresses].map((address) => `${name}${address.toString(16)}`)
    return {
      systemNames: functions,
      functions,
      name: Uint32Array.from(addresses, (address, index) => (known(name, address) ? index + 1 : 0)),
      offset: Uint32Array.from(addresses, () => 3),
      problem,
      files: ['/a.js'],
      file: Uint32Array.from(addresses, () => (source === 0 ? 1 : 0)),
      line: Uint32Array.from(addresses, () => (source === 0 ? 12 : 0)),
    }
  }
  const followed: { windows: bigint[]; isClosed: boolean }[] = []
  const openJitNames = () => {
    const handle = { windows: [] as bigint[], isClosed: false }
    followed.push(handle)
    return {
      name: async (requests: readonly NativeJitRequest[]) => {
        handle.windows.push(...requests.map(({ windowEnd }) => windowEnd))
        asked.push(...requests)
        return requests.map(answer)
      },
      cacheBytes: () => 1_000,
      close() {
        handle.isClosed = true
      },
    }
  }
  const problems = new Problems()
  const names = new JitNames(
    { addon: { openJitNames }, limitMs: () => 10, maxCacheBytes: 10, policy: { sources } },
    problems,
  )
  return { names, asked, problems, followed }
}

async function namesIn(batch: ProfileBatch, names: JitNames) {
  const builder = await NamesBuilder.of(batch.stacks.frames)
  await names.name(batch, builder)
  const { table, offsets, indices } = await builder.build()
  return Array.from({ length: batch.stacks.frames.length }, (_, frame) =>
    offsets[frame] === offsets[frame + 1] ? undefined : table[indices[offsets[frame] ?? 0] ?? 0],
  )
}

const said = (name: string) => ({
  functions: [{ language: 'v8js', function: name, file: '/app.js', line: 3 }],
})

const functionsIn = async (batch: ProfileBatch, names: JitNames) =>
  (await namesIn(batch, names)).map((name) => name?.function)

test('what was read from V8 stands; where it was not certain the process’s own map names the frame', async () => {
  const window = new Window()
  const code = window.mapping(7, anonymous('//anon'))
  window.frame(code, 0x1010n, said('work'))
  window.frame(code, 0x1020n, said('[JavaScript: function moved]'))
  window.frame(code, 0x1030n, said('[Symbol.iterator]'))
  const { names } = namerOf(() => true)
  assert.deepEqual(await functionsIn(window.batch(), names), ['work', 'perf_map1020', '[Symbol.iterator]'])
})

test('what lies where is followed for each source by itself, and no longer than it lasts', async () => {
  const { names, followed } = namerOf(() => true)
  const nameWindow = async (source: number, end: bigint, isLast = false) => {
    const window = new Window()
    window.frame(window.mapping(7, anonymous('//anon')), 0x1010n)
    const batch = window.batch()
    const session = { ...batch.session, source }
    const range = { ...batch.window, end: monotonicTime(end) }
    assert.deepEqual(await functionsIn({ ...batch, session, window: range, isLast }, names), ['perf_map1010'])
  }
  await nameWindow(1, 600n)
  await nameWindow(2, 200n)
  await nameWindow(1, 700n)
  assert.equal(names.cacheBytes(), 2_000)
  await nameWindow(2, 300n, true)
  assert.deepEqual(followed, [
    { windows: [600n, 700n], isClosed: false },
    { windows: [200n, 300n], isClosed: true },
  ])
  for (let source = 3; source < 40; source++) await nameWindow(source, 900n)
  assert.equal(followed.filter(({ isClosed }) => !isClosed).length, 16)
  names.close()
  assert.ok(followed.every(({ isClosed }) => isClosed))
})

test('a map that stands before V8 in the policy names what it knows; one that stands after it, what is left', async () => {
  const window = new Window()
  const code = window.mapping(7, { ...anonymous('//anon') })
  window.builder.addEvent({
    kind: 'mmap',
    ...at(90n, 7),
    mapping: window.mapping(7, file('/tmp/jit-7.dump')),
  })
  window.frame(code, 0x1010n, said('work'))
  window.frame(code, 0x1020n, said('other'))
  const { names, asked } = namerOf((_, address) => address === 0x1010n, ['perf_map', 'v8', 'jitdump'])
  assert.deepEqual(await functionsIn(window.batch(), names), ['perf_map1010', 'other'])
  assert.equal(asked.length, 1)
})

test('a window in which no frame says its function, which then has no such column, is asked about whole', async () => {
  const window = new Window()
  window.frame(window.mapping(7, anonymous('//anon')), 0x1000n)
  const batch = window.batch()
  const frames = Object.create(batch.stacks.frames, { function: { value: new Uint32Array(0) } })
  const { names, asked } = namerOf(() => true, ['v8', 'perf_map'])
  await namesIn({ ...batch, stacks: { ...batch.stacks, frames } }, names)
  assert.deepEqual(
    asked.map(({ addresses }) => [...addresses]),
    [[0x1000n]],
  )
})

test('memory without a file is asked of its process, by the address in the process; files are not', async () => {
  const window = new Window()
  const code = window.mapping(7, anonymous('//anon'))
  const double = window.mapping(7, anonymous('/memfd:doublemapper (deleted)'))
  window.frame(code, 0x1010n)
  window.frame(code, 0x1020n, { returnAddress: true })
  window.frame(double, 0x2000n)
  window.frame(window.mapping(7, file('/lib/libc.so')), 0x3000n)
  const { names, asked } = namerOf(() => true)
  assert.deepEqual(await functionsIn(window.batch(), names), [
    'perf_map1010',
    'perf_map101f',
    'perf_map2000',
    undefined,
  ])
  assert.deepEqual(
    asked.map(({ pid, source, addresses, windowStart, windowEnd }) => ({
      pid,
      source,
      addresses: [...addresses],
      windowStart,
      windowEnd,
    })),
    [{ pid: 7, source: 1, addresses: [0x1010n, 0x101fn, 0x2000n], windowStart: 100n, windowEnd: 200n }],
  )
})

test('equal addresses of two processes are two questions', async () => {
  const window = new Window()
  window.frame(window.mapping(7, anonymous('//anon')), 0x1010n)
  window.frame(window.mapping(8, anonymous('//anon')), 0x1010n)
  const { names, asked } = namerOf(() => true)
  await functionsIn(window.batch(), names)
  assert.deepEqual(
    asked.map(({ pid }) => pid),
    [7, 8],
  )
})

test('a jitdump that the process has mapped is asked, too, and the order of the sources decides', async () => {
  const window = new Window()
  const code = window.mapping(7, anonymous('//anon'))
  const marker = window.mapping(7, file('/home/u/.debug/jit-7.dump'))
  window.builder.addEvent({ ...at(1n, 7), synthesised: true, kind: 'mmap', mapping: marker })
  window.frame(code, 0x1010n)
  window.frame(code, 0x1020n)
  const batch = window.batch()
  const first = namerOf((source, address) => source === 'perf_map' || address === 0x1010n)
  const named = await namesIn(batch, first.names)
  assert.deepEqual(named[0], {
    function: 'jitdump1010',
    systemName: 'jitdump1010',
    file: '/a.js',
    line: 12,
    offset: 3,
  })
  assert.equal(named[1]?.function, 'perf_map1020')
  const { path, device, inode } = first.asked[0] as NativeJitRequest
  assert.deepEqual({ path, device, inode }, { path: '/home/u/.debug/jit-7.dump', device: 8n, inode: 77n })
  const second = namerOf(() => true, ['perf_map', 'jitdump'])
  assert.deepEqual(await functionsIn(batch, second.names), ['perf_map1010', 'perf_map1020'])
  const neither = namerOf(() => true, ['symtab'])
  assert.deepEqual(await functionsIn(batch, neither.names), [undefined, undefined])
  assert.deepEqual(neither.asked, [])
})

test('code of a program that the process was before an exec is asked of nobody', async () => {
  const window = new Window()
  const before = window.mapping(7, anonymous('//anon'))
  const after = window.mapping(7, anonymous('[anon:v8]'))
  const old = window.mapping(7, file('/tmp/jit-7.dump'))
  const events: readonly ProcessEvent[] = [
    { ...at(1n, 7), kind: 'mmap', mapping: before },
    { ...at(2n, 7), kind: 'mmap', mapping: old },
    { ...at(3n, 7), kind: 'comm', comm: 'node', exec: true },
    { ...at(4n, 7), kind: 'mmap', mapping: after },
  ]
  for (const event of events) window.builder.addEvent(event)
  window.frame(before, 0x1010n)
  window.frame(after, 0x1020n)
  const { names, asked } = namerOf(() => true)
  assert.deepEqual(await functionsIn(window.batch(), names), [undefined, 'perf_map1020'])
  assert.deepEqual(
    asked.map(({ source }) => source),
    [1],
    'nor the jitdump that it had then',
  )
})

test('what began and ended in the window is said; the memory of a parent is the child’s as well', async () => {
  const window = new Window()
  const inherited = window.mapping(7, anonymous('//anon'))
  window.builder.addEvent({ ...at(150n, 7), kind: 'fork', parentPid: 6, parentTid: 6 })
  window.builder.addEvent({ ...at(180n, 7), kind: 'exit', parentPid: 6, parentTid: 6 })
  window.frame(inherited, 0x1010n)
  const { names, asked } = namerOf(() => true)
  assert.deepEqual(await functionsIn(window.batch(), names), ['perf_map1010'])
  assert.deepEqual(
    asked.map(({ began, ended }) => ({ began, ended })),
    [{ began: 150n, ended: true }],
  )
})

test('the end of a thread is not the end of its process', async () => {
  const window = new Window()
  window.builder.addEvent({ ...at(180n, 7), tid: 8, kind: 'exit', parentPid: 7, parentTid: 7 })
  window.frame(window.mapping(7, anonymous('//anon')), 0x1010n)
  const { names, asked } = namerOf(() => true)
  await functionsIn(window.batch(), names)
  assert.equal(asked[0]?.ended, false)
})

test('why a file is not believed is said once, by its name', async () => {
  const window = new Window()
  window.frame(window.mapping(7, anonymous('//anon')), 0x1010n)
  const { names, problems } = namerOf(
    () => false,
    undefined,
    'belongs to uid 1000, the process runs as uid 0',
  )
  const batch = window.batch()
  await namesIn(batch, names)
  await namesIn(batch, names)
  assert.deepEqual(problems.lines(), ['perf-7.map: belongs to uid 1000, the process runs as uid 0'])
})

test('others have their turns while many frames are named', async () => {
  const window = new Window()
  const code = window.mapping(7, anonymous('//anon'))
  for (let address = 0n; address < 100_000n; address++) window.frame(code, address)
  const batch = window.batch()
  let counting: ReturnType<typeof countTurns> | undefined
  const { names } = namerOf(() => {
    counting ??= countTurns()
    return true
  })
  const builder = await NamesBuilder.of(batch.stacks.frames)
  await names.name(batch, builder)
  const turns = counting?.stop() ?? 0
  assert.ok(turns > 2, `${turns} turns`)
})
