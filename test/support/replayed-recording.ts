// perf.data as Sonde reads it: what consumers are given, sample by sample.

import type { ProfileBatch } from '../../src/core/profile.ts'
import { openReplay } from '../../src/sampler/open-replay.ts'
import type { RecordedFrame, RecordedSample, Recording } from './recorded-sample.ts'

export interface Replayed extends Recording {
  /** What Sonde has to say of the file. */
  readonly problems: readonly string[]
}

export async function replayed(file: string): Promise<Replayed> {
  const samples: RecordedSample[] = []
  let lost = 0n
  const replay = await openReplay([file], { signal: new AbortController().signal })
  try {
    await replay.run({
      async emit(batches) {
        for (const batch of batches) {
          samples.push(...samplesOf(batch))
          for (const { count } of batch.losses) lost += BigInt(count)
        }
      },
    })
    return { samples, lost, problems: [...replay.damage, ...replay.problems] }
  } finally {
    replay.close()
  }
}

function* samplesOf(batch: ProfileBatch): Generator<RecordedSample> {
  const { samples, stacks, strings } = batch
  const frames = new Map<number, RecordedFrame | undefined>()
  const frameOf = (frame: number) => {
    if (!frames.has(frame)) frames.set(frame, recordedFrame(batch, frame))
    return frames.get(frame)
  }
  for (let at = 0; at < samples.length; at++) {
    const stack = samples.stack[at]!
    const indices = stacks.frameIndices.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])
    yield {
      event: batch.session.event.name,
      comm: strings.at(samples.comm[at]!),
      pid: samples.pid[at]! | 0,
      tid: samples.tid[at]! | 0,
      cpu: samples.cpu[at]!,
      time: samples.time[at]!,
      period: samples.value[at]!,
      frames: [...indices].flatMap((frame) => frameOf(frame) ?? []),
    }
  }
}

/** Undefined where there is no address: a reason, a function of an interpreter. */
function recordedFrame({ stacks, processes }: ProfileBatch, index: number): RecordedFrame | undefined {
  const frame = stacks.frames.at(index)
  if (frame.kind === 'kernel') return { kernel: true, address: frame.avma, offset: frame.avma, path: '' }
  if (frame.kind !== 'native') return undefined
  const mapping = processes.mappings.at(frame.mapping)
  const { kind, path } = processes.images.at(mapping.image)
  const address = BigInt.asUintN(64, frame.svma + mapping.bias)
  if (kind === 'unknown') return { kernel: false, address, offset: address, path: '' }
  const offset = BigInt.asUintN(64, address - mapping.start + mapping.fileOffset)
  return { kernel: false, address, offset, path }
}
