import assert from 'node:assert/strict'
import { test } from 'node:test'
import { avma, fileOffset, svma } from '../../../src/core/address.ts'
import type { HostInfo } from '../../../src/core/host.ts'
import type { KernelSymbolEvent } from '../../../src/core/kernel-code.ts'
import type { AddressSpace, Image } from '../../../src/core/process.ts'
import type { Frame, ProfileBatch } from '../../../src/core/profile.ts'
import { DEFAULT_SYMBOL_POLICY, type SymbolPolicy } from '../../../src/core/symbol-policy.ts'
import { namesOf as allNamesOf, nameOf } from '../../../src/core/symbolizer.ts'
import { monotonicTime } from '../../../src/core/units.ts'
import { WindowBuilder } from '../../../src/core/window-builder.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import type {
  NativeJitNames,
  NativeNameRequest,
  NativeNameResult,
  NativeRecordedKernel,
} from '../../../src/native/binding.ts'
import { createSymbolizer, type SymbolizerOptions } from '../../../src/symbols/symbolizer.ts'
import { sessionInfo } from '../../support/session.ts'

const LIVE = new AbortController().signal

/** An addon that calls the function at an address `f<address>`, and remembers what it was asked. */
function fakeAddon(
  problem: (path: string) => string = () => '',
  contentOf: (path: string, pid: number) => string = (path) => `content of ${path}`,
  rootOf: (pid: number) => string = () => 'root',
) {
  const asked: NativeNameRequest[] = []
  const kernel: { addresses: bigint[]; recordedText: bigint; codeChanged: boolean }[] = []
  const recordedKernels: (NativeRecordedKernel & { addresses: bigint[] })[] = []
  let closed = 0
  const answer = (addresses: BigUint64Array, because: string, identity = ''): NativeNameResult => {
    const names = because === '' ? [...addresses].map((address) => `f${address.toString(16)}`) : []
    return {
      systemNames: names.map((name) => `_Z${name}`),
      functions: names,
      name: Uint32Array.from(addresses, (_, index) => (names.length === 0 ? 0 : index + 1)),
      offset: Uint32Array.from(addresses, () => 7),
      problem: because,
      note: '',
      identity: because === '' ? identity : '',
    }
  }
  const addon: SymbolizerOptions['addon'] = {
    kernelFacts: () => ({ text: 0x1000n, textEnd: 0x9000n, buildId: 'abcd' }),
    openLines: () => assert.fail('nobody asked for lines'),
    openJitNames: () => NO_JIT_NAMES,
    openSymbols: () => ({
      nameImages: async (requests) => {
        asked.push(...requests)
        return requests.map(({ addresses, path, pids }) =>
          answer(addresses, problem(path), contentOf(path, pids[0] ?? 0)),
        )
      },
      processRoots: async (pids) => pids.map(rootOf),
      nameKernel: async (addresses, recordedText, codeChanged) => {
        kernel.push({ addresses: [...addresses], recordedText, codeChanged })
        return answer(addresses, problem('kernel'))
      },
      nameRecordedKernel: async (recorded, addresses) => {
        recordedKernels.push({ ...recorded, addresses: [...addresses] })
        const known = problem('recorded kernel') === 'known'
        return { ...answer(addresses, known ? '' : 'nothing is found'), problem: '' }
      },
      cacheBytes: () => 0,
      close: () => void closed++,
    }),
  }
  return { addon, asked, kernel, recordedKernels, closed: () => closed }
}

const NO_JIT_NAMES: NativeJitNames = {
  name: async (requests) =>
    requests.map(({ addresses }) => ({
      systemNames: [],
      functions: [],
      name: new Uint32Array(addresses.length),
      offset: new Uint32Array(addresses.length),
      problem: '',
      files: [],
      file: new Uint32Array(addresses.length),
      line: new Uint32Array(addresses.length),
    })),
  cacheBytes: () => 0,
  close: () => undefined,
}

const LIBC: Image = { kind: 'file', path: '/lib/libc.so.6', buildId: 'ab12', device: 0n, inode: 0n }
const PLAIN: Image = { kind: 'file', path: '/bin/plain', buildId: '', device: 8n, inode: 42n }
const VDSO: Image = { kind: 'vdso', path: '[vdso]', buildId: '', device: 0n, inode: 0n }
const ANONYMOUS: Image = { kind: 'anonymous', path: '//anon', buildId: '', device: 0n, inode: 0n }

/** Makes the batches of a window whose frames are, in order, those given. */
function windowOf(
  make: (native: (image: Image, address: bigint, rest?: NativeRest) => Frame) => readonly Frame[],
  host: Partial<HostInfo> = {},
  code: readonly KernelSymbolEvent[] = [],
): readonly ProfileBatch[] {
  const window = new WindowBuilder()
  for (const each of code) window.addKernelSymbol(each)
  const native = (image: Image, address: bigint, rest: NativeRest = {}): Frame => {
    const mapping = window.addMapping({
      pid: rest.pid ?? 10,
      image: window.addImage(image),
      start: avma(rest.start ?? 0x7f00_0000_0000n),
      end: avma(0x7f00_1000_0000n),
      fileOffset: fileOffset(0n),
      bias: 0n,
      addressSpace: rest.space ?? (image.kind === 'anonymous' ? 'avma' : 'svma'),
      protection: 5,
      flags: 2,
    })
    return { kind: 'native', mapping, svma: svma(address), returnAddress: rest.returnAddress ?? false }
  }
  const frames = make(native).map((frame) => window.addFrame(frame))
  const stack = window.addStack(frames, 'complete')
  const sessions = [0, 1].map((id) => {
    const session = sessionInfo({ id })
    return { ...session, host: { ...session.host, ...host } }
  })
  for (const { id } of sessions) {
    window.addSample(id, { time: 1n, pid: 10, tid: 10, cpu: 0, stack, value: 1n, comm: 'work' })
  }
  const times = { start: 0n, end: 10n, unixOffset: 0n, sequence: 0, knowsKernelSymbols: true }
  return batchesOf(window.build(times), sessions)
}

interface NativeRest {
  readonly pid?: number
  readonly start?: bigint
  readonly space?: AddressSpace
  readonly returnAddress?: boolean
}

const symbolizerWith = (
  addon: SymbolizerOptions['addon'],
  trust: SymbolizerOptions['trust'] = 'live',
  policy: Partial<SymbolPolicy> = {},
) =>
  createSymbolizer({
    addon,
    trust,
    limitMs: () => 100,
    maxCacheBytes: 1 << 20,
    policy: { ...DEFAULT_SYMBOL_POLICY, ...policy },
  })

/** The names of all frames, undefined where there is none. */
async function namesOf(symbolizer: ReturnType<typeof symbolizerWith>, batches: readonly ProfileBatch[]) {
  const batch = batches[0] as ProfileBatch
  const names = await symbolizer.name(batch, LIVE)
  return Array.from({ length: batch.stacks.frames.length }, (_, frame) => nameOf(names, frame)?.function)
}

test('a return address is looked up one byte before, where the call is', async () => {
  const { addon, asked, kernel } = fakeAddon()
  const batches = windowOf((native) => [
    native(LIBC, 0x100n),
    native(LIBC, 0x200n, { returnAddress: true }),
    { kind: 'kernel', avma: avma(0x300n), returnAddress: false },
    { kind: 'kernel', avma: avma(0x400n), returnAddress: true },
  ])
  assert.deepEqual(await namesOf(symbolizerWith(addon), batches), ['f100', 'f1ff', 'f300', 'f3ff'])
  assert.deepEqual([...(asked[0]?.addresses ?? [])], [0x100n, 0x1ffn])
  assert.deepEqual(kernel, [{ addresses: [0x300n, 0x3ffn], recordedText: 0n, codeChanged: false }])
})

test('a name says how the symbol table spells it and how far in the address lies', async () => {
  const { addon } = fakeAddon()
  const [batch] = windowOf((native) => [native(LIBC, 0x100n)])
  const names = await symbolizerWith(addon).name(batch as ProfileBatch, LIVE)
  assert.deepEqual(nameOf(names, 0), {
    function: 'f100',
    systemName: '_Zf100',
    file: '',
    line: 0,
    offset: 7,
  })
})

test('a runtime’s own functions come before its symbols, and are all of them; one without a name is the symbol', async () => {
  const { addon, asked } = fakeAddon()
  const named = (name: string) => ({ language: 'v8js', function: name, file: '/a.js', line: 3 })
  const running = (frame: Frame, ...names: string[]): Frame =>
    frame.kind === 'native' ? { ...frame, functions: names.map(named) } : frame
  const [batch] = windowOf((native) => [
    running(native(LIBC, 0x100n), 'inner', 'inner', 'outer'),
    running(native(LIBC, 0x200n), '', 'caller'),
    running(native(ANONYMOUS, 0x300n), 'jitted'),
    native(LIBC, 0x400n),
  ])
  const names = await symbolizerWith(addon).name(batch as ProfileBatch, LIVE)
  const all = Array.from({ length: 4 }, (_, frame) => allNamesOf(names, frame))
  assert.deepEqual(
    all.map((list) => list.map((name) => name.function)),
    [['inner', 'inner', 'outer'], ['f200', 'caller'], ['jitted'], ['f400']],
  )
  assert.deepEqual([...(asked[0]?.addresses ?? [])], [0x200n, 0x400n])
  assert.deepEqual(all[2]?.[0], {
    function: 'jitted',
    systemName: 'jitted',
    file: '/a.js',
    line: 3,
    offset: 0,
  })
})

test('a process whose JavaScript stays without names is a problem that is said once', async () => {
  const { addon } = fakeAddon()
  const nameless = (frame: Frame, reason: string): Frame =>
    frame.kind === 'native'
      ? { ...frame, functions: [{ language: 'v8js', function: reason, file: '', line: 0 }] }
      : frame
  const symbolizer = symbolizerWith(addon)
  const [batch] = windowOf((native) => [
    nameless(native(ANONYMOUS, 0x300n), '[JavaScript: this V8 is not known]'),
    nameless(native(ANONYMOUS, 0x400n), '[JavaScript: this V8 is not known]'),
    nameless(native(ANONYMOUS, 0x500n), '[JavaScript: function moved]'),
  ])
  await symbolizer.name(batch as ProfileBatch, LIVE)
  assert.deepEqual(symbolizer.problems(), [
    'JavaScript of process 10: this version of V8, or build of it, is not known (those of Node.js 20, 22 and 24 are)',
  ])
})

test('the batches of one window are named once and share the result', async () => {
  const { addon, asked } = fakeAddon()
  const symbolizer = symbolizerWith(addon)
  const [first, second] = windowOf((native) => [native(LIBC, 0x100n)]) as [ProfileBatch, ProfileBatch]
  const [one, two] = await Promise.all([symbolizer.name(first, LIVE), symbolizer.name(second, LIVE)])
  assert.equal(one, two)
  assert.equal(asked.length, 1)
})

test('processes that map one image are one question, and their frames share the name', async () => {
  const { addon, asked } = fakeAddon()
  const batches = windowOf((native) => [
    native(LIBC, 0x100n, { pid: 10 }),
    native(LIBC, 0x100n, { pid: 11 }),
    native(LIBC, 0x180n, { pid: 12 }),
  ])
  const symbolizer = symbolizerWith(addon)
  assert.deepEqual(await namesOf(symbolizer, batches), ['f100', 'f100', 'f180'])
  assert.equal((await symbolizer.name(batches[0] as ProfileBatch, LIVE)).table.length, 2)
  assert.deepEqual(
    asked.map(({ pids, addresses }) => ({ pids, addresses: [...addresses] })),
    [{ pids: [10, 11, 12], addresses: [0x100n, 0x180n] }],
  )
})

test('a later window asks only for addresses that are new', async () => {
  const { addon, asked } = fakeAddon()
  const symbolizer = symbolizerWith(addon)
  await namesOf(
    symbolizer,
    windowOf((native) => [native(LIBC, 0x100n)]),
  )
  assert.deepEqual(
    await namesOf(
      symbolizer,
      windowOf((native) => [native(LIBC, 0x100n), native(LIBC, 0x200n)]),
    ),
    ['f100', 'f200'],
  )
  assert.deepEqual(
    asked.map(({ addresses }) => [...addresses]),
    [[0x100n], [0x200n]],
  )
  assert.ok(symbolizer.cacheBytes() > 0)
})

/** Addresses that were asked, question by question. */
const addressesOf = (asked: readonly NativeNameRequest[]) => asked.map(({ addresses }) => [...addresses])

test('names of a file without a build id are kept as long as its content is the same', async () => {
  let content = 'first'
  const { addon, asked } = fakeAddon(undefined, () => content)
  const symbolizer = symbolizerWith(addon)
  const window = () => windowOf((native) => [native(PLAIN, 0x100n)])
  await namesOf(symbolizer, window())
  assert.deepEqual(await namesOf(symbolizer, window()), ['f100'])
  assert.deepEqual(addressesOf(asked), [[0x100n], []])
  content = 'second'
  assert.deepEqual(await namesOf(symbolizer, window()), ['f100'])
  assert.deepEqual(addressesOf(asked), [[0x100n], [], [], [0x100n]])
})

test('a forged file lends no name to an honest one with its build id and path', async () => {
  const rootOf = (pid: number) => (pid === 666 ? 'its own' : 'root')
  const { addon, asked } = fakeAddon(undefined, (_, pid) => (pid === 666 ? 'forged' : 'honest'), rootOf)
  const symbolizer = symbolizerWith(addon)
  const window = () =>
    windowOf((native) => [native(LIBC, 0x100n, { pid: 666 }), native(LIBC, 0x100n, { pid: 10 })])
  await namesOf(symbolizer, window())
  await namesOf(symbolizer, window())
  assert.deepEqual(
    asked.map(({ pids, addresses }) => [pids, [...addresses]]),
    [
      [[666], [0x100n]],
      [[10], [0x100n]],
      [[666], []],
      [[10], []],
    ],
  )
})

test('a file that cannot be opened any more keeps the names of its build, where all of that build were one', async () => {
  for (const several of [false, true]) {
    let gone = false
    const rootOf = (pid: number) => (gone ? '' : `root ${pid}`)
    const contentOf = (_: string, pid: number) => (several ? `content ${pid}` : 'content')
    const { addon } = fakeAddon((path) => (gone ? `${path}: gone` : ''), contentOf, rootOf)
    const symbolizer = symbolizerWith(addon)
    const window = () =>
      windowOf((native) => [native(LIBC, 0x100n, { pid: 10 }), native(LIBC, 0x100n, { pid: 11 })])
    assert.deepEqual(await namesOf(symbolizer, window()), ['f100', 'f100'])
    gone = true
    const names = several ? [undefined, undefined] : ['f100', 'f100']
    assert.deepEqual(await namesOf(symbolizer, window()), names)
  }
})

test('a file without a build id that cannot be opened any more has no names', async () => {
  let gone = false
  const { addon } = fakeAddon((path) => (gone ? `${path}: gone` : ''))
  const symbolizer = symbolizerWith(addon)
  const window = () => windowOf((native) => [native(PLAIN, 0x100n)])
  await namesOf(symbolizer, window())
  gone = true
  assert.deepEqual(await namesOf(symbolizer, window()), [undefined])
})

test('a file that could not be read is tried again, and said once', async () => {
  let broken = true
  const { addon, asked } = fakeAddon((path) => (broken ? `${path}: gone` : ''))
  const symbolizer = symbolizerWith(addon)
  assert.deepEqual(
    await namesOf(
      symbolizer,
      windowOf((native) => [native(LIBC, 0x100n)]),
    ),
    [undefined],
  )
  await namesOf(
    symbolizer,
    windowOf((native) => [native(LIBC, 0x100n)]),
  )
  assert.deepEqual(symbolizer.problems(), ['/lib/libc.so.6: gone'])
  broken = false
  assert.deepEqual(
    await namesOf(
      symbolizer,
      windowOf((native) => [native(LIBC, 0x100n)]),
    ),
    ['f100'],
  )
  assert.equal(asked.length, 3)
})

test('what is kept between windows is bounded', async () => {
  const { addon } = fakeAddon()
  const symbolizer = createSymbolizer({
    addon,
    trust: 'live',
    limitMs: () => 100,
    maxCacheBytes: 2000,
    policy: DEFAULT_SYMBOL_POLICY,
  })
  for (let image = 0; image < 50; image++) {
    const own = { ...LIBC, buildId: `aa${image}` }
    await namesOf(
      symbolizer,
      windowOf((native) => [native(own, 0x100n), native(own, 0x200n)]),
    )
    assert.ok(symbolizer.cacheBytes() <= 2000)
  }
})

const kernelFrame = (address: bigint): Frame => ({
  kind: 'kernel',
  avma: avma(address),
  returnAddress: false,
})

const program = (name: string, start: bigint, gone = false): KernelSymbolEvent => ({
  kind: 'bpf',
  gone,
  time: monotonicTime(5n),
  start: avma(start),
  length: 0x40,
  name,
})

test('a BPF program that has gone within the window keeps the name that the kernel told', async () => {
  const { addon } = fakeAddon(() => 'kallsyms does not have it')
  const code = [program('bpf_prog_1_a', 0x5000n), program('bpf_prog_1_a', 0x5000n, true)]
  const window = windowOf(() => [kernelFrame(0x5010n), kernelFrame(0x5040n)], {}, code)
  assert.deepEqual(await namesOf(symbolizerWith(addon), window), ['bpf_prog_1_a', undefined])
})

test('where one program followed another, neither names what was sampled there', async () => {
  const { addon } = fakeAddon()
  const code = [program('bpf_prog_1_a', 0x5000n, true), program('bpf_prog_2_b', 0x5000n)]
  const window = windowOf(() => [kernelFrame(0x5010n), kernelFrame(0x6010n)], {}, code)
  assert.deepEqual(await namesOf(symbolizerWith(addon), window), [undefined, 'f6010'])
})

test('a program does not get the name of what kallsyms now has in its place', async () => {
  const { addon } = fakeAddon()
  const window = windowOf(() => [kernelFrame(0x5010n)], {}, [program('bpf_prog_1_a', 0x5000n, true)])
  assert.deepEqual(await namesOf(symbolizerWith(addon), window), [undefined])
})

test('kallsyms is asked anew once after the kernel made code, also when nobody was sampled in it', async () => {
  const { addon, kernel } = fakeAddon()
  const symbolizer = symbolizerWith(addon)
  await namesOf(
    symbolizer,
    windowOf(() => [], {}, [program('bpf_prog_1_a', 0x5000n)]),
  )
  for (const _ of [1, 2]) {
    await namesOf(
      symbolizer,
      windowOf(() => [kernelFrame(0x7000n)]),
    )
  }
  assert.deepEqual(
    kernel.map(({ codeChanged }) => codeChanged),
    [true, false],
  )
})

test('kallsyms is asked anew for a source that came later: what happened before it, nobody told', async () => {
  const { addon, kernel } = fakeAddon()
  const symbolizer = symbolizerWith(addon)
  for (const source of [1, 1, 2, 1, 2, 3]) {
    const batches = windowOf(() => [kernelFrame(0x7000n)])
    await namesOf(
      symbolizer,
      batches.map((batch) => ({ ...batch, isLast: source === 1, session: { ...batch.session, source } })),
    )
  }
  assert.deepEqual(
    kernel.map(({ codeChanged }) => codeChanged),
    [false, true, true, true, false, true],
  )
})

test('anonymous memory and unknown places have no names, and nobody is asked', async () => {
  const { addon, asked } = fakeAddon()
  const batches = windowOf((native) => [
    native(ANONYMOUS, 0x100n),
    native({ ...ANONYMOUS, kind: 'unknown' }, 0x200n, { space: 'avma' }),
    native(LIBC, 0x300n, { space: 'avma' }),
  ])
  assert.deepEqual(await namesOf(symbolizerWith(addon), batches), [undefined, undefined, undefined])
  assert.equal(asked.length, 0)
})

test('the vdso of a 32-bit process is not ours', async () => {
  const { addon } = fakeAddon()
  const batches = windowOf((native) => [native(VDSO, 0x100n), native(VDSO, 0x200n, { start: 0xf7f0_0000n })])
  assert.deepEqual(await namesOf(symbolizerWith(addon), batches), ['f100', undefined])
})

test('offsets in a file whose headers were unreadable are asked for as such', async () => {
  const { addon, asked } = fakeAddon()
  const batches = windowOf((native) => [native(LIBC, 0x100n), native(LIBC, 0x100n, { space: 'file_offset' })])
  assert.deepEqual(await namesOf(symbolizerWith(addon), batches), ['f100', 'f100'])
  assert.deepEqual(
    asked.map(({ addressSpace }) => addressSpace),
    [0, 1],
  )
})

test('interpreted frames name themselves, reasons have no name', async () => {
  const { addon } = fakeAddon()
  const [batch] = windowOf(() => [
    { kind: 'interpreted', language: 'python', function: 'main', file: 'app.py', line: 12 },
    { kind: 'reason', text: 'truncated' },
  ])
  const names = await symbolizerWith(addon).name(batch as ProfileBatch, LIVE)
  assert.deepEqual(nameOf(names, 0), {
    function: 'main',
    systemName: 'main',
    file: 'app.py',
    line: 12,
    offset: 0,
  })
  assert.equal(nameOf(names, 1), undefined)
  assert.deepEqual([...names.offsets], [0, 1, 1])
})

test('hidden kernel symbols leave kernel frames without names and say what to do', async () => {
  const { addon } = fakeAddon((path) => (path === 'kernel' ? 'grant CAP_SYSLOG' : ''))
  const symbolizer = symbolizerWith(addon)
  const batches = windowOf(() => [{ kind: 'kernel', avma: avma(0x300n), returnAddress: false }])
  assert.deepEqual(await namesOf(symbolizer, batches), [undefined])
  assert.deepEqual(symbolizer.problems(), ['[kernel.kallsyms]: grant CAP_SYSLOG'])
})

const RECORDED = { text: 0xffff_0000n, textEnd: 0xffff_9000n, modules: [] }
const mixed = (native: (image: Image, address: bigint) => Frame): readonly Frame[] => [
  native(LIBC, 0x100n),
  native(PLAIN, 0x200n),
  native(VDSO, 0x300n),
  { kind: 'kernel', avma: avma(0xffff_0500n), returnAddress: false },
]

test('a recording is named by files of the recorded build id only, opened without its processes', async () => {
  const { addon, asked, kernel } = fakeAddon()
  const symbolizer = symbolizerWith(addon, 'local-build-id')
  const batches = windowOf(mixed, { kernel: { ...RECORDED, buildId: 'abcd' } })
  assert.deepEqual(await namesOf(symbolizer, batches), ['f100', undefined, 'f300', 'fffff0500'])
  assert.deepEqual(
    asked.map(({ path, buildId, pids, inode }) => ({ path, buildId, pids, inode })),
    [
      { path: '/lib/libc.so.6', buildId: 'ab12', pids: [], inode: 0n },
      { path: '[vdso]', buildId: '', pids: [], inode: 0n },
    ],
  )
  assert.deepEqual(kernel, [{ addresses: [0xffff_0500n], recordedText: 0xffff_0000n, codeChanged: false }])
  assert.deepEqual(symbolizer.problems(), [
    '/bin/plain: the recording has neither a build id of it nor its content hash',
  ])
})

test('a recording of another kernel keeps kernel and vdso frames without names, said once', async () => {
  const { addon, kernel } = fakeAddon()
  const symbolizer = symbolizerWith(addon, 'local-build-id')
  const host = { kernel: { ...RECORDED, buildId: 'ffff' } }
  assert.deepEqual(await namesOf(symbolizer, windowOf(mixed, host)), [
    'f100',
    undefined,
    undefined,
    undefined,
  ])
  await namesOf(symbolizer, windowOf(mixed, host))
  assert.deepEqual(kernel, [])
  assert.equal(symbolizer.problems().filter((line) => line.includes('another kernel')).length, 2)
})

test('a kernel that runs no more is named by files, told what the recording says of it', async () => {
  const { addon, kernel, recordedKernels } = fakeAddon((path) => (path === 'recorded kernel' ? 'known' : ''))
  const symbolizer = symbolizerWith(addon, 'local-build-id')
  const module = { name: 'ext4', start: 0xffff_a000n, size: 0x1000n, buildId: 'e4e4', path: '/lib/ext4.ko' }
  const host = { osRelease: '6.1.0', kernel: { ...RECORDED, modules: [module], buildId: 'ffff' } }
  assert.equal((await namesOf(symbolizer, windowOf(mixed, host)))[3], 'fffff0500')
  assert.deepEqual(kernel, [])
  assert.deepEqual(recordedKernels, [
    {
      buildId: 'ffff',
      release: '6.1.0',
      text: 0xffff_0000n,
      textEnd: 0xffff_9000n,
      modules: [module],
      addresses: [0xffff_0500n],
    },
  ])
})

test('a kernel file that somebody named comes before the running kernel, also where the recording has no build id', async () => {
  const { addon, kernel } = fakeAddon((path) => (path === 'recorded kernel' ? 'known' : ''))
  const recorded = { symfs: undefined, vmlinux: undefined, kallsyms: '/tmp/kallsyms', buildIdCaches: [] }
  const symbolizer = symbolizerWith(addon, 'local-build-id', { recorded })
  for (const buildId of ['abcd', '']) {
    const host = { kernel: { ...RECORDED, buildId } }
    assert.equal((await namesOf(symbolizer, windowOf(mixed, host)))[3], 'fffff0500')
  }
  assert.deepEqual(kernel, [])
})

test('the vdso of another kernel is asked for by its build id', async () => {
  const { addon, asked } = fakeAddon()
  const symbolizer = symbolizerWith(addon, 'local-build-id')
  const vdso: Image = { ...VDSO, buildId: 'd50d' }
  await namesOf(
    symbolizer,
    windowOf((native) => [native(vdso, 0x300n)], { kernel: { ...RECORDED, buildId: 'ffff' } }),
  )
  assert.deepEqual(
    asked.map(({ path, buildId }) => ({ path, buildId })),
    [{ path: '[vdso]', buildId: 'd50d' }],
  )
})

test('an aborted signal ends the wait, and the other batches of the window get their names', async () => {
  const { addon } = fakeAddon()
  const symbolizer = symbolizerWith(addon)
  const [first, second] = windowOf((native) => [native(LIBC, 0x100n)]) as [ProfileBatch, ProfileBatch]
  const abort = new AbortController()
  const waiting = symbolizer.name(first, abort.signal)
  abort.abort(new Error('window too late'))
  await assert.rejects(waiting, /window too late/)
  assert.equal(nameOf(await symbolizer.name(second, LIVE), 0)?.function, 'f100')
  await assert.rejects(symbolizer.name(first, abort.signal), /window too late/)
})

test('closing releases the addon’s part once', () => {
  const { addon, closed } = fakeAddon()
  const symbolizer = symbolizerWith(addon)
  symbolizer.close()
  symbolizer.close()
  assert.equal(closed(), 1)
  assert.equal(symbolizer.cacheBytes(), 0)
})
