// What an independent reader finds in OTLP messages is exactly what was in the batches, whatever they held.

import assert from 'node:assert/strict'
import test from 'node:test'
import type { SampleLabel, WindowSource } from '../../../../src/core/encoder.ts'
import { OTLP_LEVELS, OTLP_SAMPLE_ATTRIBUTES, type OtlpEncoding } from '../../../../src/core/otlp-encoding.ts'
import { encodeOtlpProfiles } from '../../../../src/formats/otlp/profiles.ts'
import { ProfileAggregate } from '../../../../src/formats/profile/profile-aggregate.ts'
import {
  bigSum,
  type ExpectedFrame,
  type ExpectedSample,
  expectedSamples,
  grouped,
  sorted,
} from '../../../support/expected-samples.ts'
import { conformanceProblems } from '../../../support/otlp-conformance.ts'
import { type ReadProfile, type ReadSample, readOtlp, readRawOtlp } from '../../../support/otlp-reader.ts'
import { RANDOM_SESSIONS, Random, randomWindows } from '../../../support/random-windows.ts'

const SEEDS = 60
const HOST = { 'host.name': 'node-1', 'service.name': 'never-this' } as const

function randomEncoding(random: Random): OtlpEncoding {
  return {
    level: random.oneOf(OTLP_LEVELS),
    scope: { name: 'sonde', version: '1' },
    resourcePer: random.oneOf(['process', 'container']),
    sampleAttributes: OTLP_SAMPLE_ATTRIBUTES.filter(() => random.below(2) === 0),
    attributeValues: random.oneOf(['typed', 'typed', 'strings']),
    functions: random.oneOf(['once', 'once', 'once', 'twice']),
    shape: random.oneOf(['counts', 'timestamps']),
    originalPayload: random.oneOf(['none', 'none', 'pprof']),
    resourceAttributes: random.oneOf([{}, HOST]),
    maxMessageBytes: random.oneOf([1, 1_000, 3_000, 20_000, 4 * 2 ** 20]),
    compression: 'identity',
  }
}

function messagesOf(windows: readonly WindowSource[], encoding: OtlpEncoding) {
  const labels: SampleLabel[] = ['resource']
  if (encoding.sampleAttributes.includes('cpu.logical_number')) labels.push('cpu')
  if (encoding.shape === 'timestamps') labels.push('time')
  const aggregate = new ProfileAggregate({ maxBytes: 64 * 2 ** 20, labels })
  for (const window of windows) assert.equal(aggregate.add(window).tableFull, 0)
  const profiles = RANDOM_SESSIONS.flatMap(({ id }) => aggregate.session(id) ?? [])
  let ids = 0
  return encodeOtlpProfiles(
    profiles.filter(({ rows }) => rows.length > 0),
    encoding,
    { profileId: () => new Uint8Array(16).fill(++ids), pprof: () => new Uint8Array([1]) },
  )
}

const isPlaced = ({ kind, image }: ExpectedFrame): boolean =>
  kind === 'kernel' || image?.kind === 'file' || image?.kind === 'vdso'

const TYPES = { native: 'native', kernel: 'kernel', interpreted: '', reason: '' } as const

function expectedFrame(frame: ExpectedFrame): unknown {
  const { kind, functions, image, address, language } = frame
  const buildIds = {
    'process.executable.build_id.gnu': image?.buildId,
    'process.executable.build_id.go': image?.goBuildId,
    'process.executable.build_id.htlhash': image?.contentHash,
  }
  const placed = isPlaced(frame)
  return [
    functions.map((each) => each.function),
    language || TYPES[kind],
    placed ? (image?.path ?? '[kernel.kallsyms]') : '',
    placed ? sorted(buildIds).filter(([, id]) => id) : [],
    placed || functions.length === 0 ? address : 0n,
  ]
}

const readFrame = (frame: ReadSample['stack'][number]): unknown => [
  frame.functions,
  frame.type,
  frame.mapping,
  sorted(frame.buildIds),
  frame.address,
]

function expectedKey(sample: ExpectedSample, encoding: OtlpEncoding): unknown {
  const { resource, session, pid, tid, comm, cpu, stack } = sample
  const number = (value: number) => (encoding.attributeValues === 'typed' ? value : String(value))
  const isShared = encoding.resourcePer === 'container' && resource.containerId !== ''
  const ofProcess = isShared
    ? {}
    : {
        'process.pid': number(pid),
        'process.executable.name': resource.executableName,
        'process.executable.path': resource.executablePath,
        'process.linux.cgroup': resource.cgroupPath,
      }
  const own = { 'service.name': resource.service.name, ...ofProcess, 'container.id': resource.containerId }
  const attributes = { 'thread.id': number(tid), 'thread.name': comm, 'cpu.logical_number': number(cpu) }
  const wanted = encoding.sampleAttributes.map((name) => [name, attributes[name]])
  const type = session.event.unit === 'nanoseconds' ? 'samples' : session.event.name
  return [
    sorted({ ...encoding.resourceAttributes, ...own }).filter(([, value]) => value !== ''),
    `${type}/count`,
    sorted(Object.fromEntries([...(isShared ? [['process.pid', number(pid)]] : []), ...wanted])).filter(
      ([, value]) => value !== '',
    ),
    stack.map(expectedFrame),
  ]
}

type Found = readonly [ReadProfile, ReadSample]

const foundKey = ([profile, sample]: Found): unknown => [
  sorted(profile.resource),
  profile.sampleType,
  sorted(sample.attributes),
  sample.stack.map(readFrame),
]

/** Of samples that are one to a reader: how much, or when and how much each. */
function expectedWeight(samples: readonly ExpectedSample[], { shape }: OtlpEncoding): unknown {
  const weights = samples.map(({ session, value }) => (session.event.unit === 'nanoseconds' ? 1n : value))
  if (shape === 'counts') return bigSum(weights)
  return samples.map(({ time }, index) => `${time} ${weights[index]}`).sort()
}

function foundWeight(found: readonly Found[], { shape }: OtlpEncoding): unknown {
  if (shape === 'counts') return bigSum(found.flatMap(([, { values }]) => values))
  return found
    .flatMap(([{ sampleType }, { timestamps, values }]) =>
      timestamps.map((time, index) => `${time} ${sampleType === 'samples/count' ? 1n : values[index]}`),
    )
    .sort()
}

const weighed = <Item>(
  groups: ReadonlyMap<string, readonly Item[]>,
  weigh: (items: readonly Item[]) => unknown,
) => new Map([...groups].map(([key, items]) => [key, weigh(items)]))

test('decoding gives back exactly the batches: resources, threads, stacks, build ids, values, times', () => {
  let samples = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new Random(seed)
    const windows = randomWindows(random)
    const encoding = randomEncoding(random)
    const about = `seed ${seed}: ${JSON.stringify(encoding)}`
    const messages = messagesOf(windows, encoding)
    const expected = expectedSamples(windows)
    const found = messages.flatMap(({ bytes }) =>
      readOtlp(bytes, encoding.level).flatMap((profile) =>
        profile.samples.map((sample): Found => [profile, sample]),
      ),
    )
    assert.deepEqual(
      weighed(grouped(found, foundKey), (items) => foundWeight(items, encoding)),
      weighed(
        grouped(expected, (sample) => expectedKey(sample, encoding)),
        (items) => expectedWeight(items, encoding),
      ),
      about,
    )
    assert.equal(
      messages.reduce((sum, message) => sum + message.samples, 0),
      expected.length,
      about,
    )
    samples += expected.length
  }
  assert.ok(samples > 4_000, 'they held something')
})

test('no message is larger than it may be, unless it is of one sample, and conformance has nothing to say', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new Random(seed)
    const windows = randomWindows(random)
    const encoding: OtlpEncoding = { ...randomEncoding(random), functions: 'once' }
    for (const { bytes } of messagesOf(windows, encoding)) {
      const raw = readRawOtlp(bytes, encoding.level)
      const written = raw.resource_profiles.flatMap(({ scope_profiles }) =>
        scope_profiles.flatMap(({ profiles }) => profiles.flatMap((profile) => profile.samples)),
      )
      const isSmall = bytes.length < encoding.maxMessageBytes || written.length === 1
      assert.ok(
        isSmall,
        `seed ${seed}: ${bytes.length} bytes, ${written.length} samples, ${JSON.stringify(encoding)}`,
      )
      assert.deepEqual(conformanceProblems(raw), [], `seed ${seed}: ${JSON.stringify(encoding)}`)
    }
  }
})
