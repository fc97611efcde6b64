// Options that say what is sampled, for the commands that sample.

import { UsageError } from '../core/errors.ts'
import type { SamplingRate } from '../core/profile.ts'
import { hertz } from '../core/units.ts'
import type { SampleTarget } from '../sampler/plan.ts'
import { idsOf, listOf, positiveInteger } from './arguments.ts'
import type { Option, ParsedOptions } from './options.ts'

export const SAMPLING_OPTIONS: readonly Option[] = [
  { long: 'freq', short: 'F', value: 'HZ', help: 'Samples per second and CPU (default 99)' },
  {
    long: 'count',
    short: 'c',
    value: 'PERIOD',
    help: 'Instead: units of the event per sample, nanoseconds for clocks',
  },
  {
    long: 'event',
    short: 'e',
    value: 'EVENT',
    multiple: true,
    help: "Event by perf's name, with :u or :k; several may be given. auto: cycles where there is a PMU, else cpu-clock (default cpu-clock)",
  },
  { long: 'all-cpus', short: 'a', help: 'The whole machine (the default without PID, TID and CMD)' },
  {
    long: 'pid',
    short: 'p',
    value: 'PID',
    multiple: true,
    help: 'These processes, all their threads, and their children',
  },
  { long: 'tid', short: 't', value: 'TID', multiple: true, help: 'These threads, and their children' },
  { long: 'no-inherit', short: 'i', help: 'Not the children' },
  {
    long: 'max-stack',
    value: 'FRAMES',
    help: 'Frames of a stack (default 127; more needs a higher kernel.perf_event_max_stack)',
  },
  { long: 'call-chains', short: 'g', help: 'Accepted for the sake of habit: call chains are always on' },
]

export const DEFAULT_EVENT = 'cpu-clock'
const DEFAULT_FREQUENCY = 99

export const eventsOf = (options: ParsedOptions): readonly string[] =>
  options.has('event') ? listOf(options.values('event')) : [DEFAULT_EVENT]

export function rateOf(options: ParsedOptions): SamplingRate {
  const frequency = options.value('freq')
  const period = options.value('count')
  if (frequency !== undefined && period !== undefined) throw new UsageError('Either -F or -c, not both.')
  if (period !== undefined) return { by: 'period', period: BigInt(positiveInteger(period, '-c')) }
  return {
    by: 'frequency',
    hertz: hertz(frequency === undefined ? DEFAULT_FREQUENCY : positiveInteger(frequency, '-F')),
  }
}

export function maxStackOf(options: ParsedOptions): number | undefined {
  const frames = options.value('max-stack')
  return frames === undefined ? undefined : positiveInteger(frames, '--max-stack')
}

/** What is sampled; `command` is the process of a CMD that waits to be started. */
export type TargetChoice = SampleTarget | { readonly kind: 'cmd'; readonly inherit: boolean }

/** As perf: CMD alone is sampled itself; beside -a, -p or -t it only says how long. */
export function targetOf(options: ParsedOptions, hasCommand: boolean): TargetChoice {
  const chosen = (['all-cpus', 'pid', 'tid'] as const).filter((name) => options.has(name))
  if (chosen.length > 1) throw new UsageError('One of -a, -p and -t, not several.')
  const inherit = !options.has('no-inherit')
  const [choice] = chosen
  if (choice === undefined) return hasCommand ? { kind: 'cmd', inherit } : { kind: 'machine' }
  switch (choice) {
    case 'all-cpus':
      return { kind: 'machine' }
    case 'pid':
      return { kind: 'processes', pids: idsOf(options.values('pid'), '-p'), inherit }
    case 'tid':
      return { kind: 'threads', tids: idsOf(options.values('tid'), '-t'), inherit }
  }
}
