// Options that say what is sampled, for the commands that sample.

import { SAMPLER_CHOICES, type SamplerChoice } from '../core/back-end.ts'
import {
  CALL_GRAPH_METHODS,
  type CallGraphRequest,
  DEFAULT_STACK_BYTES,
  roundedStackBytes,
  STACK_BYTES_RANGE,
} from '../core/call-graph.ts'
import { UsageError } from '../core/errors.ts'
import type { SamplingRate } from '../core/profile.ts'
import { hertz } from '../core/units.ts'
import type { EventRequest } from '../sampler/events/choose.ts'
import type { SampleTarget } from '../sampler/plan.ts'
import { idsOf, positiveInteger } from './arguments.ts'
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
    help: 'Event as perf spells it (sonde list), with modifiers; several may be given. auto: cycles where there is a PMU, else cpu-clock (default cpu-clock)',
  },
  {
    long: 'filter',
    value: 'EXPRESSION',
    multiple: true,
    help: "Of the tracepoints of the -e before it only those that the expression is true of: 'prev_pid != 0'",
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
    long: 'sampler',
    value: 'HOW',
    help: 'bpf: programs in the kernel choose and capture. perf: perf’s own rings. auto: bpf where it works (default auto)',
  },
  {
    long: 'call-graph',
    value: 'HOW',
    help: `dwarf,BYTES: stacks by the unwind rows of the files, from so many bytes of the user stack (default: up to 16384 of what is used with bpf, ${DEFAULT_STACK_BYTES} with perf). fp: by frame pointers, in the kernel`,
  },
  {
    long: 'max-stack',
    value: 'FRAMES',
    help: 'Frames that the kernel follows: its own, and with --call-graph fp the user’s (default 127; more needs a higher kernel.perf_event_max_stack)',
  },
  { long: 'call-chains', short: 'g', help: 'Accepted for the sake of habit: call chains are always on' },
]

export const DEFAULT_EVENT = 'cpu-clock'
const DEFAULT_FREQUENCY = 99

/** A filter is about the tracepoints of the -e before it, as perf has it. */
export function eventsOf(options: ParsedOptions): readonly EventRequest[] {
  const events: EventRequest[] = []
  for (const { long, value } of options.inOrder) {
    if (long === 'event') events.push(value)
    if (long !== 'filter') continue
    const before = events.pop()
    if (before === undefined)
      throw new UsageError(`--filter ${value}: it filters the -e before it, and there is none.`)
    const { text, filter } = typeof before === 'string' ? { text: before, filter: undefined } : before
    // Several are all to be true, as perf has it.
    events.push({ text, filter: filter === undefined ? value : `(${filter}) && (${value})` })
  }
  return events.length === 0 ? [DEFAULT_EVENT] : events
}

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

/** `fp`, `dwarf` or `dwarf,BYTES`, as perf takes them. */
export function callGraphOf(options: ParsedOptions): CallGraphRequest {
  const text = options.value('call-graph')
  if (text === undefined) return { method: 'dwarf', stackBytes: undefined }
  const [name, size, ...rest] = text.split(',')
  const method = CALL_GRAPH_METHODS.find((each) => each === name)
  const wrong = method === undefined || rest.length > 0 || (method === 'fp' && size !== undefined)
  if (wrong) throw new UsageError(`--call-graph ${text}: expected fp, dwarf or dwarf,BYTES.`)
  if (method === 'fp') return { method }
  if (size === undefined) return { method, stackBytes: undefined }
  const stackBytes = /^\d+$/.test(size) ? roundedStackBytes(Number(size)) : undefined
  if (stackBytes === undefined) throw new UsageError(`--call-graph ${text}: ${STACK_BYTES_RANGE}.`)
  return { method, stackBytes }
}

export function samplerOf(options: ParsedOptions): SamplerChoice {
  const text = options.value('sampler') ?? 'auto'
  const choice = SAMPLER_CHOICES.find((each) => each === text)
  if (choice === undefined) throw new UsageError(`--sampler ${text}: expected ${SAMPLER_CHOICES.join(', ')}.`)
  return choice
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
