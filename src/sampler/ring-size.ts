// How large the kernel's rings have to be so that nothing is lost while the reader waits for a CPU.

import type { BackEnd } from '../core/back-end.ts'
import { type CallGraph, stackBytesOf } from '../core/call-graph.ts'
import type { EventInfo, SamplingRate } from '../core/profile.ts'

/** Fits kernel.perf_event_mlock_kb without a capability. */
const SMALL_RING_BYTES = 512 * 1024
/** What is made do with where other samplers have locked the rest: a few samples with their stacks, read as they come. */
const LEAST_RING_BYTES = 64 * 1024
const LARGEST_RING_BYTES = 4 * 2 ** 20

/** How long the reader may be kept from its CPU. */
const HELD_SECONDS = 0.25
/**
 * A reader that wakes once a second finds its tables in the cache: at 99 Hz that costs half of what waking every 15 samples
 * does. The reader wakes when a ring is half full, and every second.
 */
const BATCH_SECONDS = 2
/** Of all CPUs, for batches. */
const BATCH_BYTES = 32 * 2 ** 20
/** A sample with a chain of usual depth, and the registers where the stack is copied. */
const RECORD_BYTES = 256
/** What programs use of their stacks, where only that is copied: 2 to 5 KiB. */
const USED_STACK_BYTES = 4608
/** Of an event that is counted: what happens how often is not known before. */
const ASSUMED_HERTZ = 2_000

/** An event, and its own rate where it has one. */
type SampledEvent = Pick<EventInfo, 'unit'> & { readonly rate?: SamplingRate }

/** Data bytes of each CPU's ring, a power of two. */
export function ringBytesFor(
  events: readonly SampledEvent[],
  {
    rate,
    callGraph,
    cpus,
    backEnd,
    besideOthers = false,
  }: {
    readonly rate: SamplingRate
    readonly callGraph: CallGraph
    readonly cpus: number
    readonly backEnd: BackEnd
    /** Whether other samplers share what may be locked: there is no room for batches then. */
    readonly besideOthers?: boolean
  },
): number {
  const hertz = events.reduce((sum, event) => sum + samplesPerSecond(event, event.rate ?? rate), 0)
  const stack = stackBytesOf(callGraph)
  const bytesPerSecond =
    hertz * (RECORD_BYTES + (backEnd === 'bpf' ? Math.min(stack, USED_STACK_BYTES) : stack))
  const needed = powerFrom(Math.max(bytesPerSecond * HELD_SECONDS, SMALL_RING_BYTES))
  if (besideOthers) return Math.min(needed, LARGEST_RING_BYTES)
  const forBatches = Math.min(powerFrom(bytesPerSecond * BATCH_SECONDS), powerUpTo(BATCH_BYTES / cpus))
  return Math.min(Math.max(needed, forBatches), LARGEST_RING_BYTES)
}

/** What is tried where rings of so many bytes may not be locked, the largest first. */
export function smallerRings(bytes: number): readonly number[] {
  const sizes: number[] = []
  for (let size = Math.min(SMALL_RING_BYTES, bytes / 2); size >= LEAST_RING_BYTES; size /= 2) sizes.push(size)
  return sizes
}

const powerFrom = (bytes: number): number => 2 ** Math.ceil(Math.log2(bytes))
const powerUpTo = (bytes: number): number => 2 ** Math.floor(Math.log2(bytes))

function samplesPerSecond({ unit }: Pick<EventInfo, 'unit'>, rate: SamplingRate): number {
  switch (rate.by) {
    case 'frequency':
      return rate.hertz
    case 'period':
      return unit === 'nanoseconds' ? 1e9 / Number(rate.period) : ASSUMED_HERTZ
  }
}
