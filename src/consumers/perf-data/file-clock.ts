// The clock that a file's times go by.

import { CLOCK_IDS, type ClockName } from '../../core/clock-ids.ts'
import type { ConsumerContext } from '../../core/consumer-context.ts'
import type { ProfileBatch, StackTable } from '../../core/profile.ts'
import type { FileClock } from './recording.ts'

/** By the clocks' difference in each window: they may drift against each other, and the wall clock may step. */
export function fileClock(name: ClockName, { clockOffset }: ConsumerContext): FileClock {
  const id = CLOCK_IDS[name]
  const offsets = new WeakMap<StackTable, bigint>()
  const measured = ({ stacks }: ProfileBatch): bigint => {
    // Batches of one window share their stacks.
    const offset = offsets.get(stacks) ?? clockOffset(id)
    offsets.set(stacks, offset)
    return offset
  }
  switch (name) {
    case 'monotonic':
      return { id: undefined, offsetIn: () => 0n }
    case 'realtime':
      return { id, offsetIn: ({ window }) => window.unixStart - window.start }
    case 'monotonic_raw':
    case 'boottime':
    case 'tai':
      return { id, offsetIn: measured }
  }
}
