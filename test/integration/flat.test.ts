// Two hundred starts and stops, and changes from one sampler to another, leave nothing behind: descriptors, threads, BPF objects,
// memory.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { BackEnd } from '../../src/core/back-end.ts'
import type { NativeAddon, NativeSampler } from '../../src/native/binding.ts'
import { loadAddon } from '../../src/native/load.ts'
import { whyNot } from '../support/back-ends.ts'

const descriptors = (): number => readdirSync('/proc/self/fd').length
const threads = (): number => readdirSync('/proc/self/task').length

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const bpfObjects = (): number =>
  readdirSync('/proc/self/fdinfo').filter((fd) => {
    try {
      return /^(map|prog|link)_id:/m.test(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
    } catch {
      return false // the directory's own, closed meanwhile
    }
  }).length

interface Opening {
  readonly backEnd: BackEnd
  readonly id: number
  readonly stackBytes: number
}

function opened(addon: NativeAddon, { backEnd, id, stackBytes }: Opening): NativeSampler {
  return addon.openSampler({
    backEnd,
    sessions: [
      {
        id,
        name: 'cpu-clock',
        type: 1,
        config: 0n,
        frequency: 999,
        excludeUser: false,
        excludeKernel: false,
        clock: true,
        maxStack: 127,
        stackBytes,
        kernelStacks: true,
        userStacks: true,
        threadNames: true,
      },
    ],
    target: { kind: 'cpus', cpus: cpus().map((_, cpu) => cpu) },
    ringBytes: 512 * 1024,
    maxSamplesPerWindow: 100_000,
    maxStackBytesPerWindow: 2 ** 24,
  })
}

async function lastWindow(sampler: NativeSampler): Promise<void> {
  const size = await sampler.closeWindow()
  sampler.take(new Uint8Array(new SharedArrayBuffer(size)))
  sampler.close()
}

/** One whole life of a sampler, with a window in it, or of two of which one takes over from the other. */
async function cycle(addon: NativeAddon, [first, second]: readonly BackEnd[]): Promise<void> {
  assert.ok(first !== undefined)
  // What the files of a machine's processes take is not the samplers'.
  const stackBytes = second === undefined ? 8192 : 0
  const sampler = opened(addon, { backEnd: first, id: 0, stackBytes })
  sampler.start()
  if (second === undefined) return lastWindow(sampler)
  const next = opened(addon, { backEnd: second, id: 1, stackBytes })
  next.start()
  next.keepFrom(sampler.keepUntil(process.hrtime.bigint()))
  await lastWindow(sampler)
  await lastWindow(next)
}

interface Held {
  readonly descriptors: number
  readonly threads: number
  readonly bpfObjects: number
  readonly rss: number
}
function held(): Held {
  collectGarbage()
  return {
    descriptors: descriptors(),
    threads: threads(),
    bpfObjects: bpfObjects(),
    rss: process.memoryUsage.rss(),
  }
}

const LIVES: Readonly<Record<string, readonly BackEnd[]>> = {
  '200 starts and stops': ['perf'],
  '200 changes of a perf sampler': ['perf', 'perf'],
  '200 changes of a BPF sampler': ['bpf', 'bpf'],
}

for (const [name, backEnds] of Object.entries(LIVES)) {
  test(`${name} leave descriptors, threads, BPF objects and memory flat`, async (context) => {
    const reason = backEnds.includes('bpf') ? whyNot('bpf') : undefined
    if (reason !== undefined) return context.skip(reason)
    const addon = loadAddon()
    for (let warmUp = 0; warmUp < 20; warmUp++) await cycle(addon, backEnds)
    await sleep(500)
    const before = held()
    for (let round = 0; round < 200; round++) await cycle(addon, backEnds)
    // Threads that read files end by themselves, a moment later.
    for (let wait = 0; wait < 100 && threads() > before.threads; wait++) await sleep(20)
    const after = held()
    context.diagnostic(`${JSON.stringify(before)} became ${JSON.stringify(after)}`)
    // The runtime has a few of its own, now and then.
    assert.ok(after.descriptors <= before.descriptors + 5)
    assert.ok(after.threads <= before.threads + 2)
    assert.equal(after.bpfObjects, before.bpfObjects)
    const grownMb = (after.rss - before.rss) / 1e6
    assert.ok(grownMb < 20, `RSS grew by ${grownMb.toFixed(1)} MB`)
  })
}
