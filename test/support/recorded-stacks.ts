// The stacks of a perf.data file, sample by sample, as Sonde's replay has them and as perf script does.

import { spawnSync } from 'node:child_process'
import type { ProfileBatch, StackState } from '../../src/core/profile.ts'
import { STACK_STATES } from '../../src/core/profile.ts'
import type { NativeRecording } from '../../src/native/binding.ts'
import { loadAddon } from '../../src/native/load.ts'
import { Replay } from '../../src/sampler/replay.ts'
import { run } from './sonde.ts'

/** `tid time` of a sample. */
type Moment = string

export interface RecordedStack {
  /** Innermost first, as perf script has them: offsets in files, of return addresses the byte before. */
  readonly frames: readonly string[]
  readonly state: StackState
  /** What it ends with; '' where it lacks no frame. */
  readonly reason: string
}

/** Records the command from its first instruction, with bytes of the stack. Undefined where perf cannot do that here. */
export function recordWithStacks(
  file: string,
  command: readonly string[],
  options: readonly string[] = ['--buildid-mmap'],
): string | undefined {
  const { status, stderr } = spawnSync(
    'perf',
    [
      ...['record', '-q', '-o', file, '-e', 'cpu-clock', '-F', '499', '--call-graph', 'dwarf,16384'],
      ...options,
      ...['--', ...command],
    ],
    { encoding: 'utf8' },
  )
  return status === 0 ? undefined : `perf record --call-graph dwarf does not work here: ${stderr.trim()}`
}

export async function stacksOf(
  file: string,
  places: Partial<NativeRecording> = {},
): Promise<ReadonlyMap<Moment, RecordedStack>> {
  const addon = loadAddon()
  const replay = Replay.open(file)
  const stacks = new Map<Moment, RecordedStack>()
  await replay.run({
    openUnwinder: ({ arch }) =>
      addon.openRecordedUnwinder({
        machine: arch,
        sameKernel: true,
        root: '',
        buildIdCaches: [],
        debugDirectories: [],
        ...places,
      }),
    async emit(batches) {
      for (const batch of batches) {
        for (const [index, stack] of batch.samples.stack.entries()) {
          stacks.set(`${batch.samples.tid[index]} ${batch.samples.time[index]}`, stackOf(batch, stack))
        }
      }
    },
  })
  replay.close()
  return stacks
}

function stackOf({ stacks, processes }: ProfileBatch, stack: number): RecordedStack {
  const frames: string[] = []
  let reason = ''
  for (const index of stacks.frameIndices.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])) {
    const frame = stacks.frames.at(index)
    if (frame.kind === 'reason') reason = frame.text
    if (frame.kind === 'kernel') frames.push(frame.avma.toString(16))
    if (frame.kind !== 'native') continue
    const mapping = processes.mappings.at(frame.mapping)
    const inFile = ['file', 'vdso'].includes(processes.images.at(mapping.image).kind)
    const address = BigInt.asUintN(64, frame.svma + mapping.bias) - (frame.returnAddress ? 1n : 0n)
    frames.push((inFile ? address - mapping.start + mapping.fileOffset : address).toString(16))
  }
  return { frames, state: STACK_STATES[stacks.state[stack] ?? 0] ?? 'broken', reason }
}

/** Without what perf shows of no code at their ends: it goes on where nothing tells it that a stack has ended. */
export function perfStacksOf(file: string): ReadonlyMap<Moment, readonly string[]> {
  const fields = ['-F', 'tid,time,ip,sym', '--ns', '--no-inline', '--max-stack', '1024']
  const { stdout } = run('perf', ['script', '-i', file, ...fields])
  const stacks = new Map<Moment, readonly string[]>()
  for (const block of stdout.split(/\n\s*\n/)) {
    const [head = '', ...lines] = block.split('\n').filter((line) => line.trim() !== '')
    const [, tid, seconds, nanoseconds] = /^\s*(\d+)\s+(\d+)\.(\d{9}):/.exec(head) ?? []
    if (tid === undefined) continue
    const last = lines.findLastIndex((line) => !line.includes('[unknown]'))
    const frames = lines.slice(0, last + 1).map((line) => line.trim().split(' ')[0] ?? '')
    stacks.set(`${tid} ${BigInt(`${seconds}${nanoseconds}`)}`, frames)
  }
  return stacks
}

/** Whether we see all that perf sees, and more. It leaves out single frames of the dynamic linker. */
export type Comparison = 'equal' | 'more' | 'not all'

export function compared(ours: readonly string[], perfs: readonly string[]): Comparison {
  let seen = 0
  for (const frame of ours) if (perfs[seen] !== undefined && alike(frame, perfs[seen]!)) seen++
  if (seen < perfs.length) return 'not all'
  return ours.length === perfs.length ? 'equal' : 'more'
}

/** Of where a handler returns to, which no call precedes, perf has the byte before, too. */
const alike = (own: string, perf: string): boolean =>
  own === perf || BigInt(`0x${own}`) - 1n === BigInt(`0x${perf}`)
