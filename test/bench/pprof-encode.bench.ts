// How long a window of 100 000 samples takes on its way to a pprof file, and how that compares with giving every sample
// to pprof-format as an object. Both are timed here, in one process, one after the other; the best of three counts,
// in CPU time.
//
//   npm run bench -- pprof-encode

import { gzipSync } from 'node:zlib'
import {
  Label,
  Line,
  Location,
  Mapping,
  Function as PprofFunction,
  Profile,
  Sample,
  StringTable,
  ValueType,
} from 'pprof-format'
import { avma, fileOffset, svma } from '../../src/core/address.ts'
import type { WindowSource } from '../../src/core/encoder.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import type { FrameName } from '../../src/core/symbolizer.ts'
import { WindowBuilder } from '../../src/core/window-builder.ts'
import { batchesOf } from '../../src/core/window-view.ts'
import { packWindow } from '../../src/formats/packed-window.ts'
import { encodePprof } from '../../src/formats/pprof/pprof.ts'
import { ProfileAggregate, type SessionProfile } from '../../src/formats/profile/profile-aggregate.ts'
import { sessionInfo } from '../support/session.ts'

const SAMPLES = 100_000
const STACKS = 10_000
const FRAMES = 16_000
const FUNCTIONS = 4_000
const THREADS = 64

let seed = 7
const random = (limit: number): number => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
  return Math.floor((seed / 2 ** 32) * limit)
}

/** Stacks of 8 to 60 frames that share prefixes near the root. */
function hundredThousandSamples(): WindowSource {
  const session = sessionInfo()
  const builder = new WindowBuilder()
  const image = builder.addImage({
    kind: 'file',
    path: '/usr/bin/app',
    buildId: '00'.repeat(20),
    device: 1n,
    inode: 1n,
  })
  const place = {
    pid: 1,
    image,
    start: avma(0x1000n),
    end: avma(0x1000_0000n),
    fileOffset: fileOffset(0n),
    bias: 0n,
  }
  const mapping = builder.addMapping({ ...place, addressSpace: 'svma', protection: 5, flags: 2 })
  const frames = Array.from({ length: FRAMES }, (_, index) =>
    builder.addFrame({
      kind: 'native',
      mapping,
      svma: svma(BigInt(0x1000 + index * 16)),
      returnAddress: false,
    }),
  )
  const stacks = Array.from({ length: STACKS }, (_, index) => {
    const root = index % 50
    const depth = 8 + random(53)
    const chain = Array.from(
      { length: depth },
      (_, level) => frames[level < 8 ? root * 8 + level : random(FRAMES)] ?? 0,
    )
    return builder.addStack(chain.reverse(), 'complete')
  })
  for (let index = 0; index < SAMPLES; index++) {
    const stack = stacks[random(random(STACKS) + 1)] ?? 0
    const tid = 1 + random(THREADS)
    const time = 1_000n + BigInt(index)
    builder.addSample(session.id, {
      time,
      pid: 1,
      tid,
      cpu: 0,
      stack,
      value: 10_101_010n,
      comm: `thread-${tid % 8}`,
    })
  }
  const table: FrameName[] = Array.from({ length: FRAMES }, (_, index) => {
    const name = `namespace::function_${index % FUNCTIONS}(int, char const*)`
    return {
      function: name,
      systemName: `_ZN9namespace8function${index % FUNCTIONS}`,
      file: '',
      line: 0,
      offset: index,
    }
  })
  const offsets = Uint32Array.from({ length: FRAMES + 1 }, (_, index) => index)
  const names = { table, offsets, indices: Uint32Array.from({ length: FRAMES }, (_, index) => index) }
  return {
    buffer: builder.build({ start: 1n, end: 10_000_000_001n, unixOffset: 0n, sequence: 0 }),
    sessions: [session],
    names,
  }
}

/** Every sample, location and label an object of pprof-format, nothing aggregated. */
function plainObjects(batch: ProfileBatch): Uint8Array {
  const strings = new StringTable()
  const text = (value: string): number => strings.dedup(value)
  const { samples, stacks, names } = batch
  const functions = new Map(names.table.map(({ function: name }, id) => [name, id + 1]))
  const location = Array.from({ length: stacks.frames.length }, (_, index) => {
    const line = [new Line({ functionId: functions.get(names.table[index]?.function ?? '') ?? 0, line: 1 })]
    return new Location({ id: index + 1, mappingId: 1, address: stacks.frames.address[index] ?? 0n, line })
  })
  const sample = Array.from({ length: samples.length }, (_, index) => {
    const stack = samples.stack[index] ?? 0
    const label = [
      new Label({ key: text('pid'), num: samples.pid[index] ?? 0 }),
      new Label({ key: text('tid'), num: samples.tid[index] ?? 0 }),
      new Label({ key: text('thread name'), str: text(batch.strings.at(samples.comm[index] ?? 0)) }),
    ]
    const frames = stacks.frameIndices.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])
    return new Sample({
      locationId: Array.from(frames, (frame) => frame + 1),
      value: [1, samples.value[index] ?? 0n],
      label,
    })
  })
  return new Profile({
    sampleType: [
      new ValueType({ type: text('samples'), unit: text('count') }),
      new ValueType({ type: text('cpu'), unit: text('nanoseconds') }),
    ],
    sample,
    mapping: [new Mapping({ id: 1, memoryLimit: 0x1000_0000n, filename: text('/usr/bin/app') })],
    location,
    function: [...functions].map(([name, id]) => new PprofFunction({ id, name: text(name) })),
    stringTable: strings,
  }).encode()
}

async function best(work: () => unknown): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < 3; round++) {
    // CPU time: what other processes do meanwhile does not count.
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    times.push((user + system) / 1_000)
  }
  return Math.min(...times)
}

const show = (what: string, milliseconds: number): void =>
  console.log(`${what.padEnd(62)} ${milliseconds.toFixed(1)} ms`)

function profileOf(window: WindowSource): SessionProfile {
  const aggregate = new ProfileAggregate({ maxBytes: 1 << 30, labels: [] })
  aggregate.add(window)
  const profile = aggregate.session(0)
  if (profile === undefined) throw new Error('the window has no session 0')
  return profile
}

const window = hundredThousandSamples()
const [batch] = batchesOf(window.buffer, window.sessions, window.names)
if (batch === undefined) throw new Error('the window has no batch')
const profile = profileOf(window)
const encoded = encodePprof(profile)
const plain = plainObjects(batch)

console.log(
  `${SAMPLES} samples, ${STACKS} stacks, ${FRAMES} frames; ${profile.rows.length} rows after aggregation`,
)
// The names are new each time, or they would be packed but once.
const handing = await best(async () =>
  structuredClone(await packWindow({ ...window, names: { ...window.names } })),
)
show('event loop: packing the window and cloning it for the thread', handing)
const aggregating = await best(() => profileOf(window))
show('thread: aggregating', aggregating)
const encoding = await best(() => encodePprof(profile))
show('thread: encoding pprof', encoding)
show('thread: gzip -1', await best(() => gzipSync(encoded, { level: 1 })))
const objects = await best(() => plainObjects(batch))
show('plain pprof-format objects, not aggregated: encoding', objects)
show('plain pprof-format objects, not aggregated: gzip -1', await best(() => gzipSync(plain, { level: 1 })))
console.log(
  `ratio, aggregating and encoding against plain objects: ${((aggregating + encoding) / objects).toFixed(2)}`,
)
console.log(
  `bytes: ${gzipSync(encoded, { level: 1 }).length} against ${gzipSync(plain, { level: 1 }).length}`,
)
