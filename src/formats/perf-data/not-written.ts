import type { FileEvent } from './header.ts'
import { SAMPLE_TYPE } from './layout.ts'

/** What other tools record with samples and Sonde's files have no place for, by the bit of PERF_SAMPLE_*. */
const NOT_WRITTEN: readonly (readonly [bit: bigint, what: string])[] = [
  [SAMPLE_TYPE.ADDR, 'data addresses'],
  [SAMPLE_TYPE.READ, 'counter values'],
  [1n << 10n, 'raw data'],
  [1n << 11n, 'branch stacks'],
  [1n << 12n, 'user registers'],
  [1n << 13n, 'copies of user stacks'],
  [(1n << 14n) | (1n << 24n), 'weights'],
  [1n << 15n, 'data sources'],
  [1n << 17n, 'transactions'],
  [1n << 18n, 'registers at the interrupt'],
  [1n << 19n, 'physical addresses'],
  [SAMPLE_TYPE.AUX, 'AUX samples'],
  [SAMPLE_TYPE.DATA_PAGE_SIZE | SAMPLE_TYPE.CODE_PAGE_SIZE, 'page sizes'],
]

/** What is lost of samples of these events when Sonde writes them into a file of its own. */
export function notWritten(events: readonly FileEvent[]): readonly string[] {
  const bits = events.reduce((all, { attr }) => all | attr.sampleType, 0n)
  return NOT_WRITTEN.flatMap(([bit, what]) => ((bits & bit) === 0n ? [] : [what]))
}
