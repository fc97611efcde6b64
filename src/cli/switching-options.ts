// How perf.data is written, when a recording goes on in another file, and when it is large enough: by the options of perf record.

import { CLOCK_NAMES, type ClockName } from '../core/clock-ids.ts'
import { UsageError } from '../core/errors.ts'
import type { FlightRecorderOptions } from '../core/flight-recorder.ts'
import { type Milliseconds, milliseconds } from '../core/units.ts'
import { durationOf, positiveInteger } from './arguments.ts'
import type { Option, ParsedOptions } from './options.ts'

export const COMPRESSION_OPTION: Option = {
  long: 'compression-level',
  short: 'z',
  value: 'N',
  valueless: '1',
  help: 'Compresses perf.data with zstd when it is finished, at level 1 (the default) to 19; 0: not',
}

export const SWITCHING_OPTIONS: readonly Option[] = [
  {
    long: 'overwrite',
    value: 'D',
    valueless: '30s',
    help: 'A flight recorder: keeps the last 30 s, or D, in memory, and writes them at SIGUSR2 and at the end',
  },
  {
    long: 'switch-output',
    value: 'WHEN',
    valueless: 'signal',
    help: 'Goes on in another file at SIGUSR2 (signal), at a size (100M) or after a time (10m); files are called perf.data.TIME',
  },
  {
    long: 'switch-max-files',
    value: 'N',
    help: 'With --switch-output: so many files are kept, the oldest is deleted',
  },
  COMPRESSION_OPTION,
  {
    long: 'clockid',
    value: 'CLOCK',
    help: `By which perf.data’s times go: ${CLOCK_NAMES.join(', ')} (default monotonic)`,
  },
  { long: 'max-size', value: 'SIZE', help: 'Ends when that much has been written: 500K, 100M, 2G' },
]

/** What makes a recording go on in another file, besides SIGUSR2, and how each is written. */
export interface Switching {
  /** Every file bears its time. */
  readonly stampsAll: boolean
  /** Of one file; undefined: no limit. */
  readonly bytes: number | undefined
  readonly interval: Milliseconds | undefined
  /** 0: no limit. */
  readonly maxFiles: number
  /** Of zstd; 0: files are plain. */
  readonly compressionLevel: number
  readonly clock: ClockName
}

/** @throws UsageError */
export function switchingOf(options: ParsedOptions): Switching {
  const when = options.value('switch-output')
  const files = options.value('switch-max-files')
  if (files !== undefined && when === undefined)
    throw new UsageError('--switch-max-files goes with --switch-output.')
  return {
    stampsAll: when !== undefined,
    maxFiles: files === undefined ? 0 : positiveInteger(files, '--switch-max-files'),
    compressionLevel: compressionLevelOf(options),
    clock: clockOf(options),
    ...limitsIn(when ?? 'signal'),
  }
}

function limitsIn(when: string): Pick<Switching, 'bytes' | 'interval'> {
  const size = sizeIn(when)
  if (size !== undefined) return { bytes: size, interval: undefined }
  if (/^\d+[smhd]$/.test(when)) return { bytes: undefined, interval: durationOf(when, '--switch-output') }
  if (when === 'signal') return { bytes: undefined, interval: undefined }
  throw new UsageError(
    `--switch-output=${when}: expected signal, a size (100K, 100M, 1G) or a time (30s, 10m, 1h, 1d).`,
  )
}

/**
 * Of zstd; 0: not compressed.
 * @throws UsageError
 */
export function compressionLevelOf(options: ParsedOptions): number {
  const text = options.value('compression-level') ?? '0'
  const level = Number(text)
  if (/^\d+$/.test(text) && level <= MAX_LEVEL) return level
  throw new UsageError(`--compression-level=${text}: expected 0 to ${MAX_LEVEL}.`)
}

const MAX_LEVEL = 19

/** By perf's names, long and short. @throws UsageError */
function clockOf(options: ParsedOptions): ClockName {
  const text = options.value('clockid') ?? 'monotonic'
  const word = text.toLowerCase().replace(/^clock_/, '')
  const known = CLOCK_NAMES.find((name) => name === word) ?? SHORT_NAMES[word]
  if (known !== undefined) return known
  throw new UsageError(`--clockid ${text}: expected ${CLOCK_NAMES.join(', ')}.`)
}

/** perf's. */
const SHORT_NAMES: Readonly<Record<string, ClockName>> = {
  mono: 'monotonic',
  raw: 'monotonic_raw',
  real: 'realtime',
  boot: 'boottime',
}

/** @throws UsageError */
export function maxSizeOf(options: ParsedOptions): number | undefined {
  const text = options.value('max-size')
  if (text === undefined) return undefined
  const size = sizeIn(text)
  if (size !== undefined) return size
  throw new UsageError(`--max-size ${text}: expected a size above 0, such as 500K, 100M or 2G.`)
}

const UNITS = { B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 } as const

/** As perf writes sizes: a number and B, K, M or G. */
function sizeIn(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)([BKMG])$/.exec(text) ?? []
  const bytes = Number(digits) * (UNITS[unit as keyof typeof UNITS] ?? Number.NaN)
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined
}

const FLIGHT_RECORDER_BYTES = 256 * 2 ** 20
const KEEP_RANGE = { least: 1_000, most: 3_600_000 }

/** @throws UsageError */
export function flightRecorderOf(options: ParsedOptions): FlightRecorderOptions | undefined {
  const text = options.value('overwrite')
  if (text === undefined) return undefined
  const keep = milliseconds(durationOf(text, '--overwrite'))
  if (keep >= KEEP_RANGE.least && keep <= KEEP_RANGE.most) return { keep, maxBytes: FLIGHT_RECORDER_BYTES }
  throw new UsageError(`--overwrite=${text}: expected 1s to 1h.`)
}
