import assert from 'node:assert/strict'
import test from 'node:test'
import type { OtlpEncoding } from '../../../../src/core/otlp-encoding.ts'
import type { SessionInfo } from '../../../../src/core/profile.ts'
import type { ProcessResource } from '../../../../src/core/resource.ts'
import { encodeOtlpProfiles, type OtlpMessage } from '../../../../src/formats/otlp/profiles.ts'
import { ProfileAggregate } from '../../../../src/formats/profile/profile-aggregate.ts'
import { UNKNOWN_RESOURCE } from '../../../../src/formats/profile/resource-table.ts'
import { conformanceProblems } from '../../../support/otlp-conformance.ts'
import { readOtlp, readRawOtlp } from '../../../support/otlp-reader.ts'
import {
  PERIOD,
  type TestWindow,
  UNIX_START,
  WINDOW_LENGTH,
  windowOf,
} from '../../../support/profile-window.ts'
import { sessionInfo } from '../../../support/session.ts'

const ENCODING: OtlpEncoding = {
  level: '1.10',
  scope: { name: 'sonde', version: '0.1.0' },
  resourcePer: 'process',
  sampleAttributes: ['thread.id', 'thread.name'],
  attributeValues: 'typed',
  functions: 'once',
  shape: 'counts',
  originalPayload: 'none',
  resourceAttributes: { 'host.name': 'node-1' },
  maxMessageBytes: 4 * 2 ** 20,
  compression: 'identity',
}

const pageFaults = sessionInfo({
  id: 1,
  event: { ...sessionInfo().event, name: 'page-faults', unit: 'count' },
  rate: { by: 'period', period: 100n },
})

const resource = (pid: number, changes: Partial<ProcessResource> = {}): ProcessResource => ({
  pid,
  service: { name: `service-${pid}`, from: 'executable' },
  executablePath: `/usr/bin/program-${pid}`,
  executableName: `program-${pid}`,
  containerId: '',
  cgroupPath: '',
  ...changes,
})

interface Setup {
  readonly encoding?: Partial<OtlpEncoding>
  /** By pid. */
  readonly resources?: Readonly<Record<number, ProcessResource>>
}

function messagesOf(windows: readonly TestWindow[], { encoding, resources = {} }: Setup = {}): OtlpMessage[] {
  const aggregate = new ProfileAggregate({ maxBytes: 64 * 2 ** 20, labels: ['cpu', 'resource', 'time'] })
  const table = [UNKNOWN_RESOURCE, ...Object.values(resources)]
  const sessions = new Map<number, SessionInfo>()
  for (const window of windows) {
    const source = windowOf(window)
    const pids = window.samples.flatMap(({ pid = 100, count = 1 }) => new Array<number>(count).fill(pid))
    const ofSample = Uint32Array.from(pids, (pid) =>
      Math.max(
        0,
        table.findIndex((each, index) => index > 0 && each.pid === pid),
      ),
    )
    for (const session of source.sessions) sessions.set(session.id, session)
    aggregate.add({
      ...source,
      resources: new Map(source.sessions.map(({ id }) => [id, { table, ofSample }])),
    })
  }
  const profiles = [...sessions.keys()].flatMap((id) => aggregate.session(id) ?? [])
  let ids = 0
  return encodeOtlpProfiles(
    profiles,
    { ...ENCODING, ...encoding },
    {
      profileId: () => new Uint8Array(16).fill(++ids),
      pprof: () => new TextEncoder().encode('pprof'),
    },
  )
}

const bytesOf = (windows: readonly TestWindow[], setup: Setup = {}): Uint8Array => {
  const [message, ...more] = messagesOf(windows, setup)
  assert.ok(message !== undefined)
  assert.equal(more.length, 0)
  return message.bytes
}

const profilesOf = (windows: readonly TestWindow[], setup: Setup = {}) => readOtlp(bytesOf(windows, setup))

const functionsOf = (stack: readonly { readonly functions: readonly string[] }[]) =>
  stack.map(({ functions }) => functions.join('|'))

test('a clock event is samples/count with the CPU period that Pyroscope and Parca look for', () => {
  const [profile, ...more] = profilesOf([{ samples: [{ stack: ['leaf@libc.so.6', 'main@app'], count: 3 }] }])
  assert.equal(more.length, 0)
  assert.equal(profile?.sampleType, 'samples/count')
  assert.equal(profile.periodType, 'cpu/nanoseconds')
  assert.equal(profile.period, PERIOD)
  assert.equal(profile.time, UNIX_START)
  assert.equal(profile.duration, WINDOW_LENGTH)
  assert.equal(profile.scope, 'sonde 0.1.0')
  assert.equal(profile.id, '01'.repeat(16))
  assert.deepEqual(
    profile.samples.map(({ values }) => values),
    [[3n]],
  )
  assert.deepEqual(functionsOf(profile.samples[0]?.stack ?? []), ['leaf', 'main'])
})

test('a sample counts whose stack has no frames', () => {
  const windows = [{ samples: [{ stack: [], count: 3 }, { stack: ['main@app'] }] }]
  const [profile] = profilesOf(windows)
  assert.deepEqual(
    profile?.samples.map(({ values, stack }) => [values, functionsOf(stack)]),
    [
      [[3n], []],
      [[1n], ['main']],
    ],
  )
  assert.deepEqual(conformanceProblems(readRawOtlp(bytesOf(windows))), [])
})

test('any other event has a type and unit of its own, its weights, and no period', () => {
  const [profile] = profilesOf([
    { session: pageFaults, samples: [{ stack: ['main@app'], value: 100n, count: 2 }] },
  ])
  assert.equal(profile?.sampleType, 'page-faults/count')
  assert.equal(profile.periodType, '')
  assert.equal(profile.period, 0n)
  assert.deepEqual(profile.samples[0]?.values, [200n])
})

test('there is one resource for each process, with what is known of it', () => {
  const profiles = profilesOf(
    [
      {
        samples: [
          { stack: ['main@app'], pid: 7 },
          { stack: ['main@app'], pid: 8 },
          { stack: ['x@app'], pid: 9 },
        ],
      },
    ],
    { resources: { 7: resource(7, { containerId: 'c'.repeat(64) }), 8: resource(8) } },
  )
  assert.deepEqual(
    profiles.map((profile) => profile.resource),
    [
      {
        'service.name': 'service-7',
        'process.pid': 7,
        'process.executable.name': 'program-7',
        'process.executable.path': '/usr/bin/program-7',
        'container.id': 'c'.repeat(64),
        'host.name': 'node-1',
      },
      {
        'service.name': 'service-8',
        'process.pid': 8,
        'process.executable.name': 'program-8',
        'process.executable.path': '/usr/bin/program-8',
        'host.name': 'node-1',
      },
      { 'service.name': 'unknown_service', 'process.pid': 9, 'host.name': 'node-1' },
    ],
  )
})

test('per container, the processes of a service in a container are one resource, and samples say which', () => {
  const containerId = 'a'.repeat(64)
  const service = { name: 'shop', from: 'environment' } as const
  const profiles = profilesOf(
    [
      {
        samples: [
          { stack: ['main@app'], pid: 7 },
          { stack: ['main@app'], pid: 8 },
          { stack: ['main@app'], pid: 9 },
        ],
      },
    ],
    {
      encoding: { resourcePer: 'container', sampleAttributes: [] },
      resources: {
        7: resource(7, { containerId, service }),
        8: resource(8, { containerId, service }),
        9: resource(9),
      },
    },
  )
  assert.deepEqual(
    profiles.map((profile) => profile.resource['container.id'] ?? profile.resource['process.pid']),
    [containerId, 9],
  )
  assert.equal(profiles[0]?.resource['process.pid'], undefined)
  assert.deepEqual(
    profiles[0]?.samples.map(({ attributes }) => attributes),
    [{ 'process.pid': 7 }, { 'process.pid': 8 }],
  )
})

test('samples that differ in nothing that is sent are one', () => {
  const samples = [
    { stack: ['main@app'], tid: 1, cpu: 0, count: 2 },
    { stack: ['main@app'], tid: 2, cpu: 1 },
  ]
  const all = profilesOf([{ samples }], {
    encoding: { sampleAttributes: ['thread.id', 'cpu.logical_number'] },
  })
  assert.deepEqual(
    all[0]?.samples.map(({ attributes, values }) => [attributes, values]),
    [
      [{ 'thread.id': 1, 'cpu.logical_number': 0 }, [2n]],
      [{ 'thread.id': 2, 'cpu.logical_number': 1 }, [1n]],
    ],
  )
  const none = profilesOf([{ samples }], { encoding: { sampleAttributes: [] } })
  assert.deepEqual(
    none[0]?.samples.map(({ values }) => values),
    [[3n]],
  )
})

test('with timestamps a tick of a clock has its time and no value; another event both, in order', () => {
  const samples = [
    { stack: ['a@app'], count: 2 },
    { stack: ['b@app'], tid: 2 },
    { stack: ['a@app'], tid: 2 },
  ]
  const encoding = { shape: 'timestamps', sampleAttributes: [] } as const
  const [clock] = profilesOf([{ samples }], { encoding })
  assert.deepEqual(
    clock?.samples.map(({ values, timestamps }) => [values, timestamps.map((time) => time - UNIX_START)]),
    [
      [[], [1_000n, 1_000n, 1_002n]],
      [[], [1_001n]],
    ],
  )
  const [faults] = profilesOf(
    [
      {
        session: pageFaults,
        samples: [
          { stack: ['a@app'], value: 5n },
          { stack: ['a@app'], tid: 2, value: 7n },
        ],
      },
    ],
    { encoding },
  )
  assert.deepEqual(faults?.samples[0]?.values, [5n, 7n])
  assert.equal(faults?.samples[0]?.timestamps.length, 2)
})

test('a tick that stands for others is counted as often, also where each has its time', () => {
  const samples = [
    { stack: ['a@app'], value: 10n * PERIOD },
    { stack: ['a@app'], value: PERIOD },
    { stack: ['b@app'], value: PERIOD },
  ]
  const valuesIn = (encoding: Partial<OtlpEncoding>) =>
    profilesOf([{ samples }], { encoding })[0]?.samples.map(({ values }) => values)
  assert.deepEqual(valuesIn({}), [[11n], [1n]])
  assert.deepEqual(valuesIn({ shape: 'timestamps' }), [[10n, 1n], []])
})

test('frames say their type, their file by build ids, and an address in it', () => {
  const [profile] = profilesOf([
    { samples: [{ stack: ['schedule@kernel', 'inner|outer@app', '@libc.so.6', 'jitted@anon', '!no rows'] }] },
  ])
  const stack = profile?.samples[0]?.stack ?? []
  assert.deepEqual(
    stack.map(({ functions, type, mapping }) => [functions.join('|'), type, mapping]),
    [
      ['schedule', 'kernel', '[kernel.kallsyms]'],
      ['inner|outer', 'native', '/usr/lib/app'],
      ['', 'native', '/usr/lib/libc.so.6'],
      ['jitted', 'native', ''],
      ['no rows', '', ''],
    ],
  )
  assert.equal(
    stack[1]?.buildIds['process.executable.build_id.gnu'],
    Buffer.from('app'.padEnd(20, '.')).toString('hex'),
  )
  assert.ok((stack[2]?.address ?? 0n) > 0n)
  assert.equal(stack[3]?.address, 0n)
})

test('tables begin with the zero value and have no duplicates and no orphans', () => {
  const windows: TestWindow[] = [
    {
      samples: [
        { stack: ['a@app', 'main@app'], pid: 1 },
        { stack: ['b@app', 'main@app', '!end'], pid: 2, comm: 'x' },
      ],
    },
    {
      sequence: 1,
      samples: [
        { stack: ['a@app', 'main@app'], pid: 1, cpu: 1 },
        { stack: [], pid: 3 },
      ],
    },
    { session: pageFaults, samples: [{ stack: ['i|o@app'], pid: 1, value: 9n }] },
  ]
  for (const shape of ['counts', 'timestamps'] as const) {
    const bytes = bytesOf(windows, {
      encoding: { shape, sampleAttributes: ['thread.id', 'thread.name', 'cpu.logical_number'] },
    })
    assert.deepEqual(conformanceProblems(readRawOtlp(bytes)), [])
  }
})

for (const level of ['1.8', '1.9', '1.10'] as const) {
  test(`a reader of level ${level} reads what was written for it, and nothing of the other numbering`, () => {
    const windows = [{ samples: [{ stack: ['main@app'], tid: 5, count: 4 }] }]
    const bytes = bytesOf(windows, { encoding: { level } })
    const [profile] = readOtlp(bytes, level)
    assert.deepEqual(profile?.samples[0]?.values, [4n])
    assert.deepEqual(profile?.samples[0]?.attributes, { 'thread.id': 5, 'thread.name': 'app' })
    assert.equal(profile?.id, '01'.repeat(16))
    const [garbled] = readOtlp(bytes, level === '1.10' ? '1.9' : '1.10')
    assert.notDeepEqual(garbled, profile)
  })
}

test('attributes are texts for backends that know nothing else', () => {
  const [profile] = profilesOf([{ samples: [{ stack: ['main@app'], tid: 5 }] }], {
    encoding: { attributeValues: 'strings' },
  })
  assert.deepEqual(profile?.samples[0]?.attributes, { 'thread.id': '5', 'thread.name': 'app' })
  assert.equal(profile?.resource['process.pid'], '100')
})

test('the same samples go along as pprof where that is asked for', () => {
  const windows = [{ samples: [{ stack: ['main@app'] }] }]
  const [profile] = readRawOtlp(
    bytesOf(windows, { encoding: { originalPayload: 'pprof' } }),
  ).resource_profiles
  assert.equal(profile?.scope_profiles[0]?.profiles[0]?.original_payload_format, 'pprof')
  assert.equal(profile?.scope_profiles[0]?.profiles[0]?.original_payload.toString(), 'pprof')
})

test('a message that would be too large becomes several, each complete, together the same', () => {
  const samples = Array.from({ length: 400 }, (_, at) => ({
    stack: [`f${at}@app`, 'main@app'],
    pid: 1 + (at % 5),
  }))
  const whole = profilesOf([{ samples }])
  const messages = messagesOf([{ samples }], { encoding: { maxMessageBytes: 4_000 } })
  assert.ok(messages.length > 4)
  const parts = messages.flatMap(({ bytes, samples: count, profiles }) => {
    assert.ok(bytes.length <= 4_000, `${bytes.length}`)
    assert.deepEqual(conformanceProblems(readRawOtlp(bytes)), [])
    const read = readOtlp(bytes)
    assert.equal(read.length, profiles)
    assert.equal(count, read.flatMap((profile) => profile.samples).length)
    return read
  })
  const told = (profiles: typeof whole): string[] =>
    profiles
      .flatMap((profile) =>
        profile.samples.map((sample) =>
          JSON.stringify([
            profile.resource,
            functionsOf(sample.stack),
            Object.entries(sample.attributes).sort(),
          ]),
        ),
      )
      .sort()
  assert.deepEqual(told(parts), told(whole))
  assert.equal(new Set(parts.map(({ id }) => id)).size, parts.length)
  assert.ok(parts.every(({ time, duration }) => time === UNIX_START && duration === WINDOW_LENGTH))
})

test('one sample that is larger than a message may be is sent all the same', () => {
  const [message, ...more] = messagesOf([{ samples: [{ stack: ['main@app'] }] }], {
    encoding: { maxMessageBytes: 10 },
  })
  assert.equal(more.length, 0)
  assert.equal(message?.samples, 1)
})

test('Parca, which takes the function before the one meant, reads the same names as everybody else', () => {
  const windows = [{ samples: [{ stack: ['leaf@libc.so.6', 'inner|outer@app', 'main@app'] }] }]
  const bytes = bytesOf(windows, { encoding: { functions: 'twice' } })
  const { dictionary } = readRawOtlp(bytes)
  const namesBy = (shift: number) =>
    dictionary.location_table.flatMap(({ lines }) =>
      lines.map((line) => {
        const row = dictionary.function_table[line.function_index + shift]
        return dictionary.string_table[row?.name_strindex ?? -1]
      }),
    )
  assert.deepEqual(namesBy(0), ['leaf', 'inner', 'outer', 'main'])
  assert.deepEqual(namesBy(-1), namesBy(0))
})
