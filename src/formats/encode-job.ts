import type { EncodeJob } from '../core/encoder.ts'
import { encodePerfDataWindow } from './perf-data/window.ts'

/** Every job to its format. */
export function encodeJob(job: EncodeJob): Uint8Array {
  switch (job.format) {
    case 'perf_data_window':
      return encodePerfDataWindow(job)
  }
}
