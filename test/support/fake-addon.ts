// An addon that makes windows from values, and a clock that moves when it is told to.

import type { Clock } from '../../src/base/clock.ts'
import type { SessionInfo } from '../../src/core/profile.ts'
import { WindowBuilder } from '../../src/core/window-builder.ts'
import type { NativeAddon, NativeSampler, NativeSamplerOptions } from '../../src/native/binding.ts'

const unused = (): never => {
  throw new Error('not part of this test')
}

export class FakeClock implements Clock {
  #now = 0
  readonly #waiting: { readonly at: number; readonly wake: () => void }[] = []

  now(): number {
    return this.#now
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true || ms <= 0) return resolve()
      this.#waiting.push({ at: this.#now + ms, wake: resolve })
      signal?.addEventListener('abort', () => resolve())
    })
  }

  /** Lets `ms` pass, waking what waits, and gives it the time to react. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const next = this.#waiting.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#waiting.splice(this.#waiting.indexOf(next), 1)
      this.#now = Math.max(this.#now, next.at)
      next.wake()
      await settled()
    }
    this.#now = end
    await settled()
  }
}

/** Everything that can happen without the clock has happened. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export interface FakeNative extends NativeSampler {
  readonly calls: string[]
  gone: boolean
  /** When set, closing a window takes as long. */
  slow: Promise<void> | undefined
  failure: Error | undefined
  /** The end of the newest window. */
  closedUntil: bigint
}

/** Each window has one sample per session. */
export function fakeNative(sessions: readonly SessionInfo[]): FakeNative {
  const calls: string[] = []
  let windows = 0
  let buffer = new SharedArrayBuffer(0)
  return {
    calls,
    gone: false,
    slow: undefined,
    failure: undefined,
    closedUntil: 0n,
    start: () => void calls.push('start'),
    async closeWindow() {
      calls.push('closeWindow')
      await this.slow
      if (this.failure !== undefined) throw this.failure
      buffer = windowOf(sessions, windows++)
      return buffer.byteLength
    },
    take: (target) => target.set(new Uint8Array(buffer)),
    stats: () =>
      sessions.map(({ id }) => ({
        id,
        taken: windows,
        losses: [0, 0, 1, 0, 0, 0, 0],
        leftOut: [0, 0, 0],
        captured: [],
        firstSampleTime: 1_000n,
      })),
    targetGone() {
      return this.gone
    },
    setFilter: () => void calls.push('setFilter'),
    filterProblem: () => '',
    keepFrom: (time) => void calls.push(`keepFrom ${time}`),
    keepUntil(time) {
      calls.push(`keepUntil ${time}`)
      if (time < this.closedUntil) return this.closedUntil
      return time
    },
    disable: () => void calls.push('disable'),
    close: () => void calls.push('close'),
  }
}

function windowOf(sessions: readonly SessionInfo[], sequence: number): SharedArrayBuffer {
  const window = new WindowBuilder()
  const stack = window.addStack([window.addFrame({ kind: 'reason', text: 'test' })], 'unverified')
  for (const { id } of sessions) {
    window.addSession(id)
    window.addSample(id, { time: 1_000n, pid: 10, tid: 10, cpu: 0, stack, value: 10n, comm: 'work' })
  }
  return window.build({ start: 1_000n, end: 2_000n, unixOffset: 0n, sequence })
}

/** An addon of which only the sampler is there. */
export function fakeAddon(native: NativeSampler, opened: NativeSamplerOptions[] = []): NativeAddon {
  return {
    openSampler(options) {
      opened.push(options)
      return native
    },
    prepareCommand: unused,
    tryEvent: unused,
    encodeSamples: unused,
    openSymbols: unused,
    openLines: unused,
    openJitNames: unused,
    openRecordedUnwinder: unused,
    kernelFacts: () => ({ text: 0n, textEnd: 0n, buildId: '' }),
    probeBpf: async () => [],
    clock: () => ({ monotonic: 0n, unixOffset: 0n }),
    tryLock: () => true,
    dropCapabilities: () => ({ threads: 1, failed: [], boundingKept: false }),
    demangle: (name) => name,
  }
}
