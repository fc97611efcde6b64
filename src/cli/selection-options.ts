// Options that say which part of a recording is wanted, for the commands that read one.

import { UsageError } from '../core/errors.ts'
import type { RecordingMoment, RecordingSelection } from '../core/recording-selection.ts'
import { FILTER_OPTIONS, filterOf } from './filter-options.ts'
import type { Option, ParsedOptions } from './options.ts'

const OF_SAMPLING: readonly string[] = ['uid']

/** What a recording does not tell is not offered. */
const INCLUDE_HELP =
  'Only samples of what matches: pid=12, tree=12 (and its descendants whose start was recorded), cgroup=/PATH (and those below it), comm=NAME (of the thread), process=NAME (of its process). Of several, any will do'

export const SELECTION_OPTIONS: readonly Option[] = [
  {
    long: 'time',
    value: 'START,END',
    help: 'Only this time, in seconds of the recording’s clock as perf script shows them (12.5,13), either left out for as far as it goes (12.5, or ,13), or a share of it (10%-20%)',
  },
  { long: 'event', value: 'NAME', multiple: true, help: 'Only samples of this event' },
  ...FILTER_OPTIONS.filter(({ long }) => !OF_SAMPLING.includes(long)).map((option) =>
    option.long === 'include' ? { ...option, help: INCLUDE_HELP } : option,
  ),
]

/** @throws UsageError */
export function selectionOf(options: ParsedOptions): RecordingSelection {
  return {
    filter: filterOf(options),
    ...timesOf(options.value('time')),
    events: options.values('event'),
  }
}

/** @throws UsageError where a part is asked for of a file that has no parts */
export function refuseSelection(file: string, options: ParsedOptions): void {
  const asked = SELECTION_OPTIONS.find(({ long }) => options.has(long))
  if (asked === undefined) return
  throw new UsageError(
    `${options.nameOf(asked.long)}: ${file} is pprof, which is of one part; perf.data has more.`,
  )
}

function timesOf(text: string | undefined): Pick<RecordingSelection, 'from' | 'until'> {
  if (text === undefined) return { from: undefined, until: undefined }
  const shares = /^(\d+(?:\.\d+)?)%-(\d+(?:\.\d+)?)%$/.exec(text)
  const times = /^(\d*(?:\.\d*)?),(\d*(?:\.\d*)?)$/.exec(text)
  const [from, until] =
    shares !== null
      ? [shareOf(shares[1]), shareOf(shares[2])]
      : [secondsOf(times?.[1]), secondsOf(times?.[2])]
  const isKnown = shares !== null || (times !== null && text !== ',')
  if (!isKnown || isBehind(from, until)) {
    throw new UsageError(
      `--time ${text}: expected START,END in seconds, START, or ,END, or shares as 10%-20%, and START before END.`,
    )
  }
  return { from, until }
}

const shareOf = (text: string | undefined): RecordingMoment => {
  const percent = Number(text)
  if (percent <= 100) return { share: percent / 100 }
  throw new UsageError(`--time: ${text}% is more than all of it.`)
}

/** Exact to the nanosecond: a double is not, after a hundred days. */
function secondsOf(text: string | undefined): RecordingMoment | undefined {
  if (text === undefined || text === '' || text === '.') return undefined
  const [seconds = '', fraction = ''] = text.split('.')
  return { at: BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0')) }
}

function isBehind(from: RecordingMoment | undefined, until: RecordingMoment | undefined): boolean {
  if (from === undefined || until === undefined) return false
  if ('at' in from && 'at' in until) return from.at > until.at
  return 'share' in from && 'share' in until && from.share > until.share
}
