// How long the profiles of an upload to Datadog take to encode, for 10 000 and 100 000 distinct samples, of one service and
// of many. The best of five counts, in CPU time, on the thread that runs this: the agent does it in its worker.
//
//   npm run bench -- datadog-encode

import { avma, fileOffset, svma } from '../../src/core/address.ts'
import type { WindowSource } from '../../src/core/encoder.ts'
import type { ProcessResource } from '../../src/core/resource.ts'
import type { FrameName } from '../../src/core/symbolizer.ts'
import { WindowBuilder } from '../../src/core/window-builder.ts'
import { compress } from '../../src/formats/compress.ts'
import { encodeServiceProfiles } from '../../src/formats/pprof/service-profiles.ts'
import { ProfileAggregate, type SessionProfile } from '../../src/formats/profile/profile-aggregate.ts'
import { sessionInfo } from '../support/session.ts'

const FRAMES = 16_000
const FUNCTIONS = 4_000
const CPUS = 8

let seed = 7
const random = (limit: number): number => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
  return Math.floor((seed / 2 ** 32) * limit)
}

/** Each sample has a thread and a stack that no other has together; stacks of 8 to 60 frames share prefixes near the root. */
function windowOf(samples: number, services: number): WindowSource {
  const session = sessionInfo()
  const builder = new WindowBuilder()
  const frames = framesOf(builder)
  const stacks = Array.from({ length: samples / 10 }, (_, index) => {
    const depth = 8 + random(53)
    const root = index % 50
    const chain = Array.from(
      { length: depth },
      (_, level) => frames[level < 8 ? root * 8 + level : random(FRAMES)] ?? 0,
    )
    return builder.addStack(chain.reverse(), 'complete')
  })
  for (let index = 0; index < samples; index++) {
    const tid = 1 + (index % 10)
    builder.addSample(session.id, {
      time: 1_000n + BigInt(index),
      ...{ pid: 1, tid, cpu: random(CPUS), stack: stacks[Math.floor(index / 10)] ?? 0 },
      ...{ value: 10_101_010n, comm: `thread-${tid}` },
    })
  }
  // A stack is of one service.
  const ofSample = Uint32Array.from({ length: samples }, (_, index) => Math.floor(index / 10) % services)
  return {
    buffer: builder.build({ start: 1n, end: 60_000_000_001n, unixOffset: 0n, sequence: 0 }),
    sessions: [session],
    names: frameNames(),
    resources: new Map([[session.id, { table: resources(services), ofSample }]]),
  }
}

function framesOf(builder: WindowBuilder): readonly number[] {
  const file = { kind: 'file', path: '/usr/bin/app', device: 1n, inode: 1n } as const
  const mapping = builder.addMapping({
    ...{ pid: 1, image: builder.addImage({ ...file, buildId: '00'.repeat(20) }) },
    ...{ start: avma(0x1000n), end: avma(0x1000_0000n), fileOffset: fileOffset(0n), bias: 0n },
    ...{ addressSpace: 'svma', protection: 5, flags: 2 },
  })
  return Array.from({ length: FRAMES }, (_, index) => {
    const address = svma(BigInt(0x1000 + index * 16))
    return builder.addFrame({ kind: 'native', mapping, svma: address, returnAddress: false })
  })
}

function frameNames() {
  const table = Array.from({ length: FRAMES }, (_, index): FrameName => {
    const name = `namespace::function_${index % FUNCTIONS}(int, char const*)`
    return { function: name, systemName: name, file: '', line: 0, offset: index }
  })
  const offsets = Uint32Array.from({ length: FRAMES + 1 }, (_, index) => index)
  return { table, offsets, indices: offsets.subarray(0, FRAMES) }
}

const resources = (services: number): readonly ProcessResource[] =>
  Array.from({ length: services }, (_, index) => ({
    pid: 1,
    service: { name: `service-${index}`, from: 'executable' },
    executablePath: `/usr/bin/service-${index}`,
    executableName: `service-${index}`,
    containerId: index.toString(16).padStart(64, '0'),
    cgroupPath: '',
  }))

function profileOf(window: WindowSource): SessionProfile {
  const aggregate = new ProfileAggregate({ maxBytes: 1 << 30, labels: ['cpu', 'resource'] })
  aggregate.add(window)
  const profile = aggregate.session(0)
  if (profile === undefined) throw new Error('the window has no session 0')
  return profile
}

function best(work: () => unknown): number {
  const times = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  })
  return Math.min(...times)
}

for (const [samples, services] of [
  [10_000, 1],
  [100_000, 1],
  [100_000, 200],
] as const) {
  const profile = profileOf(windowOf(samples, services))
  const encode = (compressed: (bytes: Uint8Array) => Uint8Array) => encodeServiceProfiles(profile, compressed)
  const alone = best(() => encode((bytes) => bytes))
  const zstd = best(() => encode((bytes) => compress(bytes, 'zstd')))
  const gzip = best(() => encode((bytes) => compress(bytes, 'gzip')))
  const sizes = (['identity', 'zstd', 'gzip'] as const).map((encoding) =>
    encode((bytes) => compress(bytes, encoding)).reduce((sum, { body }) => sum + body.length, 0),
  )
  console.log(
    `${profile.rows.length} distinct samples, ${services} services: encoding ${alone.toFixed(0)} ms, with zstd ${zstd.toFixed(0)} ms, with gzip ${gzip.toFixed(0)} ms; ${sizes.map((size) => (size / samples).toFixed(1)).join(' / ')} bytes per sample plain / zstd / gzip`,
  )
}
