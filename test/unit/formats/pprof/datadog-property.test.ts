// What an independent reader finds in Datadog's profiles is exactly what was in the batches, whatever they held.

import assert from 'node:assert/strict'
import test from 'node:test'
import type { EncodedPayload, SampleLabel, WindowSource } from '../../../../src/core/encoder.ts'
import { localEncoder } from '../../../support/encoder.ts'
import {
  bigSum,
  type ExpectedFrame,
  type ExpectedSample,
  expectedSamples,
  grouped,
  sorted,
} from '../../../support/expected-samples.ts'
import { type ReadPprof, readPprof } from '../../../support/pprof-reader.ts'
import { RANDOM_SESSIONS, Random, randomWindows } from '../../../support/random-windows.ts'

const SEEDS = 60

async function payloadsOf(
  windows: readonly WindowSource[],
  labels: readonly SampleLabel[],
): Promise<readonly EncodedPayload[]> {
  const profile = localEncoder.openProfile({ maxBytes: 64 * 2 ** 20, labels })
  for (const window of windows) assert.equal((await profile.add(window)).tableFull, 0)
  const held = new Set(windows.flatMap(({ sessions }) => sessions.map(({ id }) => id)))
  const sessions = RANDOM_SESSIONS.map(({ id }) => id).filter((id) => held.has(id))
  return profile.payloads({ kind: 'datadog', sessions, compression: 'identity' })
}

const PATHS = {
  kernel: '[kernel.kallsyms]',
  interpreted: '[v8js]',
  reason: '[incomplete]',
  native: '',
} as const

function expectedFrame({ kind, functions, image, address }: ExpectedFrame): unknown {
  const path = image?.kind === 'unknown' ? '[unknown]' : (image?.path ?? PATHS[kind])
  const buildId = image?.buildId || image?.goBuildId || image?.contentHash || ''
  return [functions.map((each) => [each.function, each.file, each.line]), path, buildId, address]
}

/** Below every stack: the program, or what is known instead. */
function rootOf({ resource, stack, comm }: ExpectedSample): readonly unknown[] {
  const named = (name: string, file: string) => [[[[name, file, 0]], '', '', 0n]]
  if (resource.executableName !== '') return named(resource.executableName, resource.executablePath)
  if (stack.every(({ kind }) => kind === 'kernel')) return named('kernel', 'kernel')
  return comm === '' ? [] : named(comm, comm)
}

function expectedKey(sample: ExpectedSample, labels: readonly SampleLabel[]): unknown {
  const { session, resource, stack, pid, tid, cpu, comm } = sample
  const outermost = stack.at(-1)
  const said = {
    process_id: String(pid),
    'thread id': String(tid),
    'thread name': comm,
    'process name': resource.executableName,
    container_id: resource.containerId,
    'cpu.logical_number': labels.includes('cpu') ? String(cpu) : '',
    incomplete: outermost?.kind === 'reason' ? outermost.functions[0]?.function : '',
  }
  return [
    session.id,
    resource.service.name,
    sorted(said).filter(([, value]) => value !== ''),
    [...stack.map(expectedFrame), ...rootOf(sample)],
  ]
}

interface Found {
  readonly payload: EncodedPayload
  readonly sample: ReadPprof['samples'][number]
}

const foundKey = ({ payload: { about }, sample: { labels, locations } }: Found): unknown => [
  about?.session,
  about?.service,
  sorted(labels),
  locations.map(({ lines, mapping, address }) => [
    lines.map((each) => [each.function, each.file, each.line]),
    mapping?.file ?? '',
    mapping?.buildId ?? '',
    address,
  ]),
]

test('decoding gives back exactly the batches: services, labels, stacks, build ids, counts and weights', async () => {
  let samples = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new Random(seed)
    const windows = randomWindows(random)
    const labels: readonly SampleLabel[] = random.below(2) === 0 ? ['resource'] : ['resource', 'cpu']
    const payloads = await payloadsOf(windows, labels)
    const found = payloads.flatMap((payload) =>
      readPprof(payload.body).samples.map((sample): Found => ({ payload, sample })),
    )
    const expected = expectedSamples(windows)
    const foundGroups = [...grouped(found, foundKey)].map(([key, group]): [string, unknown] => [
      key,
      [0, 1].map((type) => bigSum(group.map(({ sample }) => sample.values[type] ?? 0n))),
    ])
    const expectedGroups = [...grouped(expected, (sample) => expectedKey(sample, labels))].map(
      ([key, group]): [string, unknown] => [
        key,
        [BigInt(group.length), bigSum(group.map(({ value }) => value))],
      ],
    )
    assert.deepEqual(new Map(foundGroups), new Map(expectedGroups), `seed ${seed}`)
    assert.equal(
      payloads.reduce((sum, payload) => sum + payload.samples, 0),
      expected.length,
    )
    const services = payloads.map(({ about }) => `${about?.session} ${about?.service}`)
    assert.equal(new Set(services).size, services.length, 'one profile for each event and service')
    samples += expected.length
  }
  assert.ok(samples > 4_000, 'they held something')
})
