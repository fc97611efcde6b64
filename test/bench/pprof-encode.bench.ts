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
import type { WindowSource } from '../../src/core/encoder.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import { batchesOf } from '../../src/core/window-view.ts'
import { packWindow } from '../../src/formats/packed-window.ts'
import { encodePprof } from '../../src/formats/pprof/pprof.ts'
import { ProfileAggregate, type SessionProfile } from '../../src/formats/profile/profile-aggregate.ts'
import { bestCpuTime } from '../support/cpu-time.ts'
import { manySamples } from '../support/many-samples.ts'

const SAMPLES = 100_000
const STACKS = 10_000

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

const show = (what: string, milliseconds: number): void =>
  console.log(`${what.padEnd(62)} ${milliseconds.toFixed(1)} ms`)

function profileOf(window: WindowSource): SessionProfile {
  const aggregate = new ProfileAggregate({ maxBytes: 1 << 30, labels: [] })
  aggregate.add(window)
  const profile = aggregate.session(0)
  if (profile === undefined) throw new Error('the window has no session 0')
  return profile
}

const window = manySamples({ samples: SAMPLES, stacks: STACKS, spread: 'skewed' })
const [batch] = batchesOf(window.buffer, window.sessions, { names: window.names })
if (batch === undefined) throw new Error('the window has no batch')
const profile = profileOf(window)
const encoded = encodePprof(profile)
const plain = plainObjects(batch)

console.log(`${SAMPLES} samples, ${STACKS} stacks; ${profile.rows.length} rows after aggregation`)
// The names are new each time, or they would be packed but once.
const handing = await bestCpuTime(async () =>
  structuredClone(await packWindow({ ...window, names: { ...window.names } })),
)
show('event loop: packing the window and cloning it for the thread', handing)
const aggregating = await bestCpuTime(() => profileOf(window))
show('thread: aggregating', aggregating)
const encoding = await bestCpuTime(() => encodePprof(profile))
show('thread: encoding pprof', encoding)
show('thread: gzip -1', await bestCpuTime(() => gzipSync(encoded, { level: 1 })))
const objects = await bestCpuTime(() => plainObjects(batch))
show('plain pprof-format objects, not aggregated: encoding', objects)
show(
  'plain pprof-format objects, not aggregated: gzip -1',
  await bestCpuTime(() => gzipSync(plain, { level: 1 })),
)
console.log(
  `ratio, aggregating and encoding against plain objects: ${((aggregating + encoding) / objects).toFixed(2)}`,
)
console.log(
  `bytes: ${gzipSync(encoded, { level: 1 }).length} against ${gzipSync(plain, { level: 1 }).length}`,
)
