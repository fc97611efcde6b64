import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { frameLabel } from '../../../src/core/frame-label.ts'
import { type ProfileBatch, type SessionInfo, STACK_STATES } from '../../../src/core/profile.ts'
import { type RecordingSelection, WHOLE_RECORDING } from '../../../src/core/recording-selection.ts'
import { parseMatch } from '../../../src/core/sample-match.ts'
import { openFileInput } from '../../../src/sampler/replay/recording-input.ts'
import { Replay } from '../../../src/sampler/replay.ts'
import { consumerOf, contextOf, temporaryDirectory } from '../../integration/perf-data-tools.ts'
import {
  FAULTS,
  HOST,
  SECOND,
  session,
  type WindowSpec,
  windowBatches,
} from '../formats/perf-data/fixture.ts'

const never = new AbortController().signal

async function written(t: TestContext, windows: readonly (readonly ProfileBatch[])[]): Promise<string> {
  const file = join(temporaryDirectory(t), 'x.data')
  const consumer = consumerOf({ file }, contextOf('/nowhere'))
  await consumer.start()
  for (const batch of windows.flat()) await consumer.consumeProfiles(batch, never)
  await consumer.stop()
  return file
}

const recording = (t: TestContext, ...specs: readonly WindowSpec[]): Promise<string> =>
  written(t, specs.map(windowBatches))

/** A copy that says as perf record --buildid-mmap when it began and ended: zeros. */
function withoutTimes(file: string): string {
  const bytes = readFileSync(file)
  const input = openFileInput(file)
  const { sampleTime } = input.file.features
  input.close()
  const section = Buffer.alloc(16)
  section.writeBigUInt64LE(sampleTime!.first, 0)
  section.writeBigUInt64LE(sampleTime!.last, 8)
  const at = bytes.lastIndexOf(section)
  assert.ok(at > 0)
  bytes.fill(0, at, at + section.length)
  const copy = file.replace('.data', '.zeros.data')
  writeFileSync(copy, bytes)
  return copy
}

interface Read {
  readonly sessions: readonly SessionInfo[]
  readonly windows: readonly (readonly ProfileBatch[])[]
  readonly problems: readonly string[]
}

async function read(files: readonly string[], wanted: Partial<RecordingSelection> = {}): Promise<Read> {
  const replay = Replay.open(files, { ...WHOLE_RECORDING, ...wanted })
  const windows: (readonly ProfileBatch[])[] = []
  try {
    await replay.run({ emit: async (batches) => void windows.push(batches) })
    return { sessions: replay.sessions, windows, problems: replay.problems }
  } finally {
    replay.close()
  }
}

/** Each sample with all that is known of it. */
const samplesOf = (windows: readonly (readonly ProfileBatch[])[]): string[] =>
  windows
    .flat()
    .flatMap((batch) => {
      const { samples, stacks, strings, session: of } = batch
      return Array.from(samples.time, (time, row) => {
        const stack = samples.stack[row]!
        const frames = [...stacks.frameIndices.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])]
        const labels = frames.map((frame) => frameLabel(batch, frame))
        const who = `${samples.pid[row]}/${samples.tid[row]} ${strings.at(samples.comm[row]!)}`
        const state = STACK_STATES[stacks.state[stack]!]
        return `${time} ${of.event.name} ${who} ${samples.value[row]} ${state} ${labels.join(';')}`
      })
    })
    .sort()

const rules = (action: 'include' | 'exclude', ...texts: readonly string[]) => ({
  filter: { rules: texts.map((text) => ({ action, match: parseMatch(text, () => undefined) })) },
})

test('recordings one behind the other are one, and stacks keep how far they can be trusted', async (t) => {
  const sessions = [session(0), FAULTS(1)]
  const early = { sessions, sequence: 0, samples: 20, processes: 2 }
  const late = { sessions, sequence: 5, samples: 30, processes: 3 }
  const files = await Promise.all([recording(t, late), recording(t, early)])
  const joined = await read(files)
  assert.deepEqual(joined.problems, [])
  assert.deepEqual(joined.sessions, sessions)
  assert.deepEqual(samplesOf(joined.windows), samplesOf([early, late].map(windowBatches)))
  const times = joined.windows.map(([batch]) => batch!.window)
  assert.ok(times[0]!.end <= times.at(-1)!.start)
  // Who writes them again begins with all that is known, instead of going on with what changed.
  assert.ok(times.at(-1)!.sequence > times[0]!.sequence + 1)
})

test('recordings of the same time are mixed, in order, and it is said that they overlap', async (t) => {
  const one = { sessions: [session(0)], sequence: 0, samples: 20, processes: 2 }
  const other = { sessions: [FAULTS(0)], sequence: 0, samples: 25, start: 100n * SECOND + SECOND / 3n }
  const joined = await read([await recording(t, one), await recording(t, other)])
  assert.deepEqual(joined.problems, [
    'The recordings overlap: what two of them sampled at the same time counts twice',
  ])
  assert.deepEqual(
    joined.sessions.map(({ id, event }) => [id, event.name]),
    [
      [0, 'cpu-clock'],
      [1, 'page-faults:u'],
    ],
  )
  const expected = [one, { ...other, sessions: [FAULTS(0)] }].map(windowBatches)
  assert.deepEqual(samplesOf(joined.windows), samplesOf(expected))
})

test('a loss stays where it was, with its event and its count', async (t) => {
  const sessions = [session(0), FAULTS(1)]
  const files = [0, 3].map((sequence) => recording(t, { sessions, sequence, samples: 5, lost: 7 }))
  const { windows } = await read(await Promise.all(files), { events: ['page-faults:u'] })
  const losses = windows.flat().flatMap((batch) => batch.losses)
  assert.deepEqual(losses, [
    { reason: 'ring_full', count: 7 },
    { reason: 'ring_full', count: 7 },
  ])
  assert.deepEqual(
    windows.flat().flatMap(({ notices }) => notices.map(({ kind, cpu, count }) => [kind, cpu, count])),
    [
      ['lost', 1, 7],
      ['lost', 1, 7],
    ],
  )
})

test('recordings of two machines, kernels or boots are not joined, and it is said why', async (t) => {
  const of = (host: Partial<typeof HOST>) =>
    recording(t, { sessions: [session(0, { host: { ...HOST, ...host } })], sequence: 0, samples: 3 })
  const here = await of({})
  const others: readonly [other: string, why: RegExp][] = [
    [await of({ hostname: 'node-8' }), /they are of two machines, node-7 and node-8\. /],
    [await of({ hostname: '' }), /one of them does not say of which machine it is\. /],
    [await of({ osRelease: '6.1.0' }), /they are of two kernels, 6\.18\.1 and 6\.1\.0\. /],
    [await of({ kernel: { ...HOST.kernel!, text: 0xffffffff91000000n } }), /started anew between them\. /],
    [
      await recording(t, { sessions: [session(0)], sequence: 0, samples: 3, wall: new Date(0) }),
      /started anew between them\. .*sonde diff\.$/,
    ],
  ]
  for (const [other, why] of others) {
    await assert.rejects(read([here, other]), { code: 'REPLAY.NOT_ONE_MACHINE', message: why })
  }
})

test('of a time only its samples come, both ends with it, and what was known before stays known', async (t) => {
  const sessions = [session(0)]
  const specs = [0, 1, 2].map((sequence) => ({ sessions, sequence, samples: 30, processes: 3 }))
  const file = await recording(t, ...specs)
  const whole = samplesOf(specs.map(windowBatches))
  const timeOf = (sample: string) => BigInt(sample.slice(0, sample.indexOf(' ')))
  const from = timeOf(whole[40]!)
  const until = timeOf(whole[70]!)
  const within = (a: bigint, b: bigint) => whole.filter((each) => timeOf(each) >= a && timeOf(each) <= b)
  assert.ok(within(from, until).length > 20)
  const cut = await read([file], { from: { at: from }, until: { at: until } })
  assert.deepEqual(samplesOf(cut.windows), within(from, until))
  const rest = await read([file], { from: { at: until } })
  assert.deepEqual(samplesOf(rest.windows), within(until, 1n << 62n))
  const half = await read([file], { from: { share: 0 }, until: { share: 0.5 } })
  const [first, last] = [timeOf(whole[0]!), timeOf(whole.at(-1)!)]
  assert.deepEqual(samplesOf(half.windows), within(first, first + (last - first) / 2n))
  await assert.rejects(read([withoutTimes(file)], { from: { share: 0.5 } }), /State seconds of its clock/)
  const none = await read([file], { from: { at: 1n << 62n } })
  assert.deepEqual(samplesOf(none.windows), [])
})

test('a share of a recording that notes zeros for its span is refused: half of nothing is no answer', async (t) => {
  const sessions = [session(0)]
  const spec = { sessions, sequence: 0, samples: 30, processes: 3 }
  const file = await recording(t, spec)
  const times = samplesOf([windowBatches(spec)]).map((each) => BigInt(each.slice(0, each.indexOf(' '))))
  const span = Buffer.alloc(16)
  span.writeBigUInt64LE(times[0]!)
  span.writeBigUInt64LE(times.at(-1)!, 8)
  const bytes = readFileSync(file)
  const at = bytes.indexOf(span)
  assert.ok(at > 0)
  writeFileSync(file, bytes.fill(0, at, at + span.length))
  await assert.rejects(() => read([file], { from: { share: 0 }, until: { share: 0.5 } }), {
    code: 'REPLAY.NO_SPAN',
    message: /State seconds of its clock/,
  })
})

test('who is not wanted is left out, and counted', async (t) => {
  const spec = {
    sessions: [session(0, { tellsCgroups: true })],
    sequence: 0,
    samples: 30,
    processes: 3,
    cgroups: ['/kubepods/a', '/kubepodsx', '/system.slice'],
  }
  const file = await recording(t, spec)
  const all = samplesOf([windowBatches(spec)])
  const ofPid = (pid: number) => all.filter((each) => each.includes(` ${pid}/`))
  const cases = [
    [rules('include', 'pid=1010'), ofPid(1010)],
    [rules('exclude', 'pid=1010'), [...ofPid(1000), ...ofPid(1020)]],
    [rules('include', 'cgroup=/kubepods'), ofPid(1000)],
    [rules('include', 'cgroup=/'), all],
    [rules('include', 'comm=nobody'), []],
  ] as const
  for (const [wanted, expected] of cases) {
    const { windows } = await read([file], wanted)
    assert.deepEqual(samplesOf(windows), expected.toSorted())
    const leftOut = windows.flat().flatMap((batch) => batch.leftOut)
    const filtered = all.length - expected.length
    assert.deepEqual(leftOut, filtered === 0 ? [] : [{ reason: 'filtered', count: filtered }])
  }
})

test('one in N stands for N: sums stay near what they were, and the others are counted', async (t) => {
  const spec = { sessions: [FAULTS(0)], sequence: 0, samples: 900, processes: 3 }
  const file = await recording(t, spec)
  const match = parseMatch('pid=1010', () => undefined)
  const { windows } = await read([file], { filter: { rules: [{ action: 'thin', match, oneIn: 4 }] } })
  const [batch] = windows.flat()
  const kept = Array.from(batch!.samples.pid).filter((pid) => pid === 1010).length
  assert.ok(kept > 30 && kept < 130, String(kept))
  assert.deepEqual(batch!.leftOut, [{ reason: 'sampled_out', count: 300 - kept }])
  const [original] = windowBatches(spec)
  const values = (of: ProfileBatch) =>
    new Set(Array.from(of.samples.value).filter((_, row) => of.samples.pid[row] === 1010))
  assert.deepEqual(values(batch!), new Set([...values(original!)].map((value) => value * 4n)))
})

test('what a recording does not tell is no ground to choose by', async (t) => {
  const file = await recording(t, { sessions: [session(0)], sequence: 0, samples: 3 })
  const refused = [
    [rules('include', 'uid=0'), /^Cannot include uid=0: a recording does not say whose processes they were/],
    [rules('exclude', 'kernel-threads'), /^Cannot exclude kernel-threads: /],
    [rules('include', 'cgroup=/a'), /^Cannot include cgroup=\/a: this recording does not tell cgroups/],
    [{ events: ['cycles'] }, /^There is no event cycles in it: it has cpu-clock\.$/],
  ] as const
  for (const [wanted, message] of refused) await assert.rejects(read([file], wanted), { message })
})
