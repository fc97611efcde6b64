// Two hundred starts and stops leave nothing behind: descriptors, threads, memory.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NativeAddon } from '../../src/native/binding.ts'
import { loadAddon } from '../../src/native/load.ts'

const descriptors = (): number => readdirSync('/proc/self/fd').length
const threads = (): number => readdirSync('/proc/self/task').length

/** One whole life of a sampler, with a window in it. */
async function cycle(addon: NativeAddon): Promise<void> {
  const sampler = addon.openSampler({
    sessions: [
      {
        id: 0,
        name: 'cpu-clock',
        type: 1,
        config: 0n,
        frequency: 999,
        excludeUser: false,
        excludeKernel: false,
        clock: true,
        maxStack: 127,
        stackBytes: 8192,
      },
    ],
    target: { kind: 'cpus', cpus: cpus().map((_, cpu) => cpu) },
    ringBytes: 512 * 1024,
    maxSamplesPerWindow: 100_000,
    maxStackBytesPerWindow: 2 ** 24,
  })
  sampler.start()
  const size = await sampler.closeWindow()
  sampler.take(new Uint8Array(new SharedArrayBuffer(size)))
  sampler.disable()
  sampler.close()
}

test('200 starts and stops leave descriptors, threads and memory flat', async () => {
  const addon = loadAddon()
  for (let warmUp = 0; warmUp < 20; warmUp++) await cycle(addon)
  await sleep(500)
  const before = { descriptors: descriptors(), threads: threads(), rss: process.memoryUsage.rss() }
  for (let round = 0; round < 200; round++) await cycle(addon)
  // Threads that read files end by themselves, a moment later.
  for (let wait = 0; wait < 100 && threads() > before.threads; wait++) await sleep(20)
  // The runtime has a few of its own, now and then.
  assert.ok(
    descriptors() <= before.descriptors + 5,
    `${descriptors()} descriptors, ${before.descriptors} before`,
  )
  assert.ok(threads() <= before.threads + 2, `${threads()} threads, ${before.threads} before`)
  const grownMb = (process.memoryUsage.rss() - before.rss) / 1e6
  assert.ok(grownMb < 20, `RSS grew by ${grownMb.toFixed(1)} MB`)
})
