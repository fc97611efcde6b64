import assert from 'node:assert/strict'
import { test } from 'node:test'
import { avma, fileOffset, svma } from '../../../../src/core/address.ts'
import type { Image } from '../../../../src/core/process.ts'
import type { Frame, ProfileBatch, StackState } from '../../../../src/core/profile.ts'
import { WindowBuilder } from '../../../../src/core/window-builder.ts'
import { batchesOf } from '../../../../src/core/window-view.ts'
import { ByteReader, ByteWriter, varintBytes } from '../../../../src/formats/perf-data/bytes.ts'
import type { StackNote } from '../../../../src/formats/perf-data/stack-notes.ts'
import { readStackNotes, type StackNotes } from '../../../../src/formats/perf-data/stack-notes-reader.ts'
import {
  type StackNotesLimits,
  StackNotesWriter,
} from '../../../../src/formats/perf-data/stack-notes-writer.ts'
import { notedChain } from '../../../../src/sampler/replay/noted-chain.ts'
import { NamesBuilder } from '../../../../src/symbols/names-builder.ts'
import { session } from './fixture.ts'

const image = (path: string, runtime?: 'go'): Image => ({
  kind: 'file',
  path,
  buildId: '',
  device: 3n,
  inode: 7n,
  ...(runtime && { runtime }),
})

interface Stack {
  readonly frames: readonly Frame[]
  readonly state: StackState
  readonly count?: number
}

function batchOf(stacks: readonly Stack[], images: readonly Image[] = []): ProfileBatch {
  const window = new WindowBuilder()
  const app = window.addImage(image('/app'))
  for (const each of images) window.addImage(each)
  const place = { start: avma(0n), end: avma(0x10000n), fileOffset: fileOffset(0n), bias: 0n }
  window.addMapping({ pid: 1, image: app, ...place, addressSpace: 'svma', protection: 5, flags: 2 })
  window.addSession(0)
  for (const { frames, state, count = 1 } of stacks) {
    const stack = window.addStack(
      frames.map((frame) => window.addFrame(frame)),
      state,
    )
    const sample = { time: 1n, pid: 1, tid: 1, cpu: 0, stack, value: 1n, comm: 'a' }
    for (let each = 0; each < count; each++) window.addSample(0, sample)
  }
  const times = { start: 1n, end: 2n, unixOffset: 0n, sequence: 0 }
  const [batch] = batchesOf(window.build(times), [session(0)])
  assert.ok(batch)
  return batch
}

async function sectionOf(batches: readonly ProfileBatch[], limits?: StackNotesLimits) {
  const writer = new StackNotesWriter(limits)
  for (const batch of batches) writer.append(await writer.plan(batch))
  return { bytes: writer.finish() ?? new Uint8Array(0), untold: writer.untold }
}

async function notesOf(batches: readonly ProfileBatch[]): Promise<StackNotes> {
  const notes = readStackNotes((await sectionOf(batches)).bytes, assert.fail)
  assert.ok(notes)
  return notes
}

const noteOf = (notes: StackNotes, sample: number): StackNote | undefined =>
  notes.note(notes.numberOf(sample))

const code = (address: bigint, returnAddress = true): Extract<Frame, { kind: 'native' }> => ({
  kind: 'native',
  mapping: 0,
  svma: svma(address),
  returnAddress,
})
const kernel = (address: bigint, returnAddress = true): Frame => ({
  kind: 'kernel',
  avma: avma(address),
  returnAddress,
})
const python = (name: string, line = 1): Frame => ({
  kind: 'interpreted',
  language: 'python',
  function: name,
  file: `${name}.py`,
  line,
})
/** Code of a runtime that runs functions of its language, innermost first. */
const running = (address: bigint, ...names: string[]): ReturnType<typeof code> => ({
  ...code(address),
  functions: names.map((name) => ({ language: 'v8js', function: name, file: `/${name}.js`, line: 7 })),
})
const reason = (text: string): Frame => ({ kind: 'reason', text })

/** What perf.data keeps of a stack, and its note, together again. */
async function again({ frames, state }: Stack): Promise<readonly Frame[]> {
  const chain = (kind: 'kernel' | 'native'): BigUint64Array =>
    BigUint64Array.from(
      frames.flatMap((frame) =>
        frame.kind === kind ? [frame.kind === 'kernel' ? frame.avma : frame.svma] : [],
      ),
    )
  const note = noteOf(await notesOf([batchOf([{ frames, state }])]), 0)
  assert.equal(note?.state, state)
  const parts = { kernel: chain('kernel'), user: chain('native'), length: 0 }
  return Array.from(notedChain(parts, note!), (frame): Frame => {
    switch (frame.kind) {
      case 'kernel':
        return kernel(frame.address, frame.returnAddress)
      case 'user':
        return {
          ...code(frame.address, frame.returnAddress),
          ...(frame.functions && { functions: frame.functions }),
        }
      case 'interpreted':
      case 'reason':
        return frame
    }
  })
}

const STACKS: Readonly<Record<string, Stack>> = {
  'of addresses only': { state: 'complete', frames: [code(1n, false), code(2n), code(3n)] },
  'of the kernel and a program': {
    state: 'complete',
    frames: [kernel(1n, false), kernel(2n), code(3n, false), code(4n)],
  },
  'of a kernel thread': { state: 'kernel', frames: [kernel(1n, false), kernel(2n)] },
  'with a signal handler': {
    state: 'complete',
    frames: [code(1n, false), code(2n), code(3n, false), code(4n)],
  },
  'whose leaf is a return address': { state: 'unverified', frames: [kernel(1n), code(2n), code(3n)] },
  'that ends early': {
    state: 'broken',
    frames: [code(1n, false), code(2n), reason('[truncated: stack bytes]')],
  },
  'with interpreted frames at its leaf, between its parts and at its root': {
    state: 'complete',
    frames: [
      python('leaf'),
      python('inner', 70_000),
      kernel(1n, false),
      python('between'),
      code(2n, false),
      code(3n, false),
      python('outer'),
      code(4n),
      python('ä'),
      reason('[broken: bad frame pointer]'),
    ],
  },
  'of a runtime that says its functions, what is inlined among them': {
    state: 'complete',
    frames: [
      kernel(1n, false),
      code(2n, false),
      running(3n, '', 'inner'),
      python('between'),
      running(4n, 'inner', 'middle', 'outer'),
      code(5n),
      running(4n, 'other'),
      reason('[truncated: max depth]'),
    ],
  },
  'without any address': {
    state: 'broken',
    frames: [python('only'), reason('[broken: stack not captured]')],
  },
  'without any frame': { state: 'unverified', frames: [] },
}

for (const [what, stack] of Object.entries(STACKS)) {
  test(`a stack ${what} is the same again`, async () => {
    assert.deepEqual(await again(stack), stack.frames)
  })
}

/** Code that says its functions, of which the window's other namers said `mapped` instead where `renamed`. */
async function notedCode(
  frames: readonly {
    readonly said: readonly string[]
    readonly inFile?: boolean
    readonly renamed?: boolean
  }[],
) {
  const window = new WindowBuilder()
  const place = { start: avma(0n), end: avma(0x10000n), fileOffset: fileOffset(0n), bias: 0n }
  const rest = { pid: 1, ...place, protection: 5, flags: 2 } as const
  const made = window.addImage({ ...image('//anon'), kind: 'anonymous' })
  const anonymous = window.addMapping({ ...rest, image: made, addressSpace: 'avma' })
  const file = window.addMapping({ ...rest, image: window.addImage(image('/app')), addressSpace: 'svma' })
  const numbers = frames.map(({ said, inFile = false }, at) => {
    const frame = said.length > 0 ? running(BigInt(at + 1), ...said) : code(BigInt(at + 1))
    return window.addFrame({ ...frame, mapping: inFile ? file : anonymous, returnAddress: false })
  })
  const stack = window.addStack(numbers, 'complete')
  window.addSession(0)
  window.addSample(0, { time: 1n, pid: 1, tid: 1, cpu: 0, stack, value: 1n, comm: 'a' })
  const buffer = window.build({ start: 1n, end: 2n, unixOffset: 0n, sequence: 0 })
  const [batch] = batchesOf(buffer, [session(0)])
  assert.ok(batch)
  const names = await NamesBuilder.of(batch.stacks.frames)
  frames.forEach(({ renamed }, at) => {
    if (renamed) names.setInstead(numbers[at]!, [{ ...MAPPED, systemName: 'mapped', offset: 0 }])
  })
  const [named] = batchesOf(buffer, [session(0)], { names: await names.build() })
  assert.ok(named)
  const { functions } = noteOf(await notesOf([named]), 0) ?? assert.fail()
  return frames.map((_, place) =>
    functions.filter((each) => each.place === place).map((each) => each.function),
  )
}

const MAPPED = { function: 'mapped', file: '/m.js', line: 5 }
const ours = (...names: string[]) =>
  names.map((name) => ({ language: 'v8js', function: name, file: `/${name}.js`, line: 7 }))
const theirs = [{ language: '', ...MAPPED }]

test('of code that its process made at run time the names are kept, of files they are not', async () => {
  const noted = await notedCode([
    { said: [], renamed: true },
    { said: ['own'] },
    { said: ['[JavaScript: function moved]'], renamed: true },
    { said: ['[JavaScript: function moved]'] },
    { said: [], inFile: true, renamed: true },
  ])
  assert.deepEqual(noted, [theirs, ours('own'), theirs, ours('[JavaScript: function moved]'), []])
})

test('where a map named code instead of its runtime, the map’s name is kept, as it is shown', async () => {
  const noted = await notedCode([{ said: ['inner', 'outer'], renamed: true }, { said: ['inner', 'outer'] }])
  assert.deepEqual(noted, [theirs, ours('inner', 'outer')])
})

test('a part of the runtime that the symbol table is to name is kept as that', async () => {
  const noted = await notedCode([{ said: ['', 'caller'] }, { said: ['', 'caller'], inFile: true }])
  assert.deepEqual(noted, [ours('', 'caller'), ours('', 'caller')])
})

test('every sample has its note, in the order of the file, whatever batch it came in', async () => {
  const [a, b, c] = Object.values(STACKS) as [Stack, Stack, Stack]
  const broken: Stack = { state: 'broken', frames: [reason('x')] }
  const batches = [
    batchOf([
      { ...a, count: 300 },
      { ...broken, count: 2 },
      { ...c, count: 1 },
    ]),
    batchOf([c, b, { ...broken, count: 5 }]),
  ]
  const notes = await notesOf(batches)
  const states = Array.from({ length: 310 }, (_, sample) => noteOf(notes, sample)?.state)
  const expected = [
    ...Array<StackState>(300).fill('complete'),
    ...['broken', 'broken', 'kernel', 'kernel', 'complete'],
    ...Array<StackState>(5).fill('broken'),
  ]
  assert.deepEqual(states, expected)
  assert.equal(noteOf(notes, 310), undefined, 'there is no such sample')
})

test('equal stacks of many samples take a few bytes', async () => {
  const stack = STACKS['with interpreted frames at its leaf, between its parts and at its root'] as Stack
  const once = (await sectionOf([batchOf([stack])])).bytes.length
  const often = (await sectionOf(Array.from({ length: 50 }, () => batchOf([{ ...stack, count: 2_000 }]))))
    .bytes.length
  assert.ok(often <= once + 3, `${once} and ${often} bytes`)
})

test('the size that is foretold is never too small', async () => {
  const writer = new StackNotesWriter()
  for (let round = 0; round < 20; round++) {
    const stacks = Object.values(STACKS).map((stack) => ({ ...stack, count: 1 + round * 40 }))
    const runs = await writer.plan(batchOf([...stacks, { state: 'broken', frames: [reason(`r${round}`)] }]))
    const foretold = writer.bytesWith(runs)
    writer.append(runs)
    assert.ok((writer.finish()?.length ?? 0) <= foretold)
  }
})

test('samples that were planned and not written have no note', async () => {
  const writer = new StackNotesWriter()
  await writer.plan(batchOf([{ state: 'broken', frames: [reason('lost')] }]))
  assert.equal(writer.finish(), undefined)
  writer.append(await writer.plan(batchOf([{ state: 'kernel', frames: [] }])))
  assert.equal(noteOf(readStackNotes(writer.finish()!, assert.fail)!, 0)?.state, 'kernel')
})

test('what finds no room has no note, and is counted', async () => {
  const stacks = Array.from(
    { length: 100 },
    (_, index): Stack => ({
      state: 'broken',
      frames: [reason(`[broken: no unwind rows in lib${index}.so]`)],
    }),
  )
  const small = await sectionOf([batchOf(stacks)], { dictionaryBytes: 1_000, runBytes: 1_000 })
  const notes = readStackNotes(small.bytes, assert.fail)!
  const told = Array.from({ length: 100 }, (_, sample) => noteOf(notes, sample)).filter(Boolean).length
  assert.ok(told > 5 && told < 50)
  assert.equal(small.untold, 100 - told)
  const few = await sectionOf([batchOf(stacks)], { dictionaryBytes: 1e6, runBytes: 20 })
  const first = readStackNotes(few.bytes, assert.fail)!
  assert.equal(noteOf(first, 3)?.state, 'broken')
  assert.equal(noteOf(first, 99), undefined)
  assert.ok(few.untold >= 85 && few.untold < 100)
})

test('functions stand in a part of their own, which there is only where a stack has them', async () => {
  const kinds = async (stack: Stack): Promise<number> =>
    new DataView((await sectionOf([batchOf([stack])])).bytes.buffer).getUint32(12, true)
  const without = await kinds({ state: 'complete', frames: [code(1n)] })
  assert.equal(await kinds({ state: 'complete', frames: [running(1n, 'f')] }), without + 1)
})

test('images keep the runtime that they were linked with', async () => {
  const go = image('/usr/bin/etcd', 'go')
  const notes = await notesOf([batchOf([{ state: 'complete', frames: [] }], [go, image('/usr/bin/c')])])
  assert.equal(notes.runtimeOf(image('/usr/bin/etcd')), 'go')
  assert.equal(notes.runtimeOf(image('/usr/bin/c')), 'unknown')
  assert.equal(
    notes.runtimeOf({ ...image('/usr/bin/etcd'), inode: 8n }),
    'unknown',
    'another file of that name',
  )
})

test('an image with a build id is known by it, wherever it was: MMAP2 has no more', async () => {
  const buildId = 'aabbccddeeff00112233445566778899aabbccdd'
  const go = { ...image('/usr/bin/etcd', 'go'), buildId }
  const notes = await notesOf([batchOf([{ state: 'complete', frames: [] }], [go])])
  assert.equal(notes.runtimeOf({ ...image('/usr/bin/etcd'), buildId, device: 0n, inode: 0n }), 'go')
})

test('what a file states of the addresses of its mappings is kept, for those that were sampled', async () => {
  const frame = { kind: 'native', mapping: 0, svma: svma(0x400010n), returnAddress: false } as const
  const notes = await notesOf([batchOf([{ state: 'complete', frames: [frame] }])])
  assert.equal(notes.svmaOf(image('/app'), 0n), 0n)
  assert.equal(notes.svmaOf(image('/app'), 0x1000n), undefined, 'another mapping')
  assert.equal(notes.svmaOf(image('/usr/bin/app'), 0n), undefined, 'another file')
  const none = await notesOf([batchOf([{ state: 'complete', frames: [] }])])
  assert.equal(none.svmaOf(image('/app'), 0n), undefined, 'nothing was sampled in it')
})

const whole = (await sectionOf([batchOf(Object.values(STACKS), [image('/go', 'go')])])).bytes

/** Reads everything that can be asked for. */
function exhausted(bytes: Uint8Array): { readonly problems: readonly string[] } {
  const problems: string[] = []
  const notes = readStackNotes(bytes, (text) => problems.push(text))
  for (let sample = 0; notes !== undefined && sample < 20; sample++) {
    const note = noteOf(notes, sample)
    if (note === undefined) continue
    const chain = { kernel: BigUint64Array.of(1n), user: BigUint64Array.of(2n, 3n), length: 3 }
    assert.equal([...notedChain(chain, note)].length, 3 + note.inserted.length)
  }
  return { problems }
}

test('a section that is cut off anywhere is a problem that is said, and nothing worse', () => {
  assert.deepEqual(exhausted(whole).problems, [])
  for (let length = 12; length < whole.length; length++) {
    const { problems } = exhausted(whole.slice(0, length))
    assert.match(
      problems.join(),
      /^its stack notes are damaged \(.*\): all stacks are unverified$/,
      `${length}`,
    )
  }
})

test('a section with damaged bytes is read or refused, and never trusted', () => {
  let seed = 1
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return seed % below
  }
  for (let round = 0; round < 20_000; round++) {
    const bytes = whole.slice()
    for (let change = random(4); change >= 0; change--) bytes[random(bytes.length)] = random(256)
    assert.ok(exhausted(bytes).problems.length <= 1)
  }
})

test('lists that claim more elements than bytes are refused before they are made', () => {
  const bytes = whole.slice()
  // The count of the first part: behind magic, version, number of parts, kind and length.
  new DataView(bytes.buffer).setUint32(24, 0xffff_ffff, true)
  assert.match(exhausted(bytes).problems.join(), /4294967295 elements in \d+ bytes/)
})

test('what is not Sonde’s is left alone, and a newer version is named', () => {
  assert.deepEqual(exhausted(new Uint8Array(64)).problems, [])
  assert.deepEqual(exhausted(new Uint8Array(3)).problems, [])
  const newer = whole.slice()
  newer[8] = 2
  assert.match(exhausted(newer).problems.join(), /version 2, which a newer Sonde reads/)
})

test('parts that a reader does not know are left out', () => {
  const view = new DataView(whole.buffer, whole.byteOffset)
  const grown = new ByteWriter()
    .bytes(whole)
    .u32(99)
    .u32(3)
    .bytes(Uint8Array.of(1, 2, 3))
    .finish()
    .slice()
  new DataView(grown.buffer).setUint32(12, view.getUint32(12, true) + 1, true)
  assert.deepEqual(exhausted(grown).problems, [])
})

test('whole numbers are written in as few bytes as they need, and read back', () => {
  for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    const bytes = new ByteWriter().varint(value).finish()
    assert.equal(bytes.length, varintBytes(value))
    assert.equal(new ByteReader(bytes).varint(), value)
  }
  assert.throws(() => new ByteReader(new Uint8Array(20).fill(0xff)).varint(), RangeError)
  assert.throws(() => new ByteReader(Uint8Array.of(0x80)).varint(), RangeError)
})
