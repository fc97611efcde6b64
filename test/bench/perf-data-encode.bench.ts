// How fast a window becomes perf.data records, and how large they are. Prints samples/s and bytes per sample.

import { encodeWindow, session, windowBatches } from '../unit/formats/perf-data/fixture.ts'

const SAMPLES = 200_000

for (const depth of [4, 24, 64]) {
  const batches = windowBatches({
    sessions: [session(1)],
    sequence: 0,
    samples: SAMPLES,
    processes: 50,
    depth,
  })
  let best = Number.POSITIVE_INFINITY
  let bytes = 0
  for (let round = 0; round < 7; round++) {
    const before = performance.now()
    bytes = (await encodeWindow(batches, { processes: 'snapshot', snapshotTime: 0n })).length
    best = Math.min(best, performance.now() - before)
  }
  const rate = (SAMPLES / best / 1000).toFixed(2)
  console.log(`depth ${depth + 2}: ${rate} M samples/s, ${(bytes / SAMPLES).toFixed(1)} bytes per sample`)
}
