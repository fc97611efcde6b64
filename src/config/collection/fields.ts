// What the fields of a ProfileCollectionConfig may be, in both spellings.

import * as z from 'zod'
import { MAX_FILTER_RULES } from '../../core/sample-filter.ts'
import { cgroupMatchOf, commOf, MatchError } from '../../core/sample-match.ts'
import { expecting, shown } from '../expecting.ts'
import { contradictionsOf } from './contradictions.ts'
import { inCamelCase, inSnakeCase, type Spelling, type StatedCollection } from './stated.ts'

const whole = (least: number, most: number) => {
  const error = expecting(`a whole number from ${least} to ${most}`)
  return z.int({ error }).min(least, { error }).max(most, { error })
}

const flag = z.boolean({ error: expecting('true or false') })

/** Longer than any name there is, and short enough to be looked at and shown. */
const MAX_NAME_LENGTH = 253

/** A value that `read` takes, with its message where it does not. */
const readBy = (what: string, read: (text: string) => unknown) => {
  const error = expecting(what)
  return z
    .string({ error })
    .max(4096, { error })
    .superRefine((text, context) => {
      try {
        read(text)
      } catch (thrown) {
        if (!(thrown instanceof MatchError)) throw thrown
        context.addIssue({ code: 'custom', message: `${thrown.message}, found ${shown(text)}` })
      }
    })
}

const cgroupText = 'a path or an id'
/** Ids are numbers to whoever writes YAML, and texts in protobuf. */
const cgroup = z
  .union([z.string(), z.int()], { error: expecting(cgroupText) })
  .transform(String)
  .pipe(readBy(cgroupText, cgroupMatchOf))

const listOf = <Schema extends z.ZodType>(schema: Schema, least: 0 | 1, what: string) => {
  const error = expecting(`a list of ${least} to ${MAX_FILTER_RULES} ${what}`)
  return z.array(schema, { error }).min(least, { error }).max(MAX_FILTER_RULES, { error })
}

/** @throws MatchError */
function processNameOf(text: string): string {
  if (text.includes('\0')) throw new MatchError("expected a process's name, without NUL")
  return commOf(text, 'process')
}

const eventText = expecting("an event by perf's name, such as cpu-clock")
const eventName = z
  .string({ error: eventText })
  .min(1, { error: eventText })
  .max(MAX_NAME_LENGTH, { error: eventText })
  .describe(
    "The event by perf's name, with :u (user mode) or :k (the kernel): cpu-clock, page-faults, cycles:u …",
  )

const consumerText = expecting("a consumer's name")
const consumer = z
  .string({ error: consumerText })
  .min(1, { error: consumerText })
  .max(MAX_NAME_LENGTH, { error: consumerText })

const MAX_HERTZ = 1_000_000
/** As of the agent's own windows. */
const MAX_INTERVAL_SECONDS = 600
/** perf_event_attr.sample_max_stack has 16 bits. */
const MAX_STACK_DEPTH = 0xffff

/** @param least 0 where zero and an empty list say, as in protobuf, that nothing is said */
const fieldsFrom = (least: 0 | 1) => ({
  eventName,
  samplePeriod: whole(least, Number.MAX_SAFE_INTEGER)
    .optional()
    .describe("The event's units from one sample to the next: nanoseconds of clocks. Or a frequency"),
  sampleFrequencyHz: whole(least, MAX_HERTZ).optional().describe('Samples per second and CPU. Or a period'),
  intervalSeconds: whole(least, MAX_INTERVAL_SECONDS)
    .optional()
    .describe('How often its samples are handed to the consumers; 60 unless told'),
  maxStackDepth: whole(least, MAX_STACK_DEPTH)
    .optional()
    .describe('Frames of a stack that the kernel follows'),
  processFilters: listOf(readBy("a process's name", processNameOf), least, 'names of processes')
    .optional()
    .describe('Names of processes, as /proc/PID/comm has them: only theirs are sampled'),
  cgroups: listOf(cgroup, least, 'cgroups')
    .optional()
    .describe(
      'Paths of cgroups from the root of their hierarchy, or ids: only they and those below are sampled',
    ),
  kernelStacks: flag
    .optional()
    .describe("Whether the kernel's part of the stacks is wanted; true unless told"),
  userStacks: flag
    .optional()
    .describe("Whether the program's part of the stacks is wanted; true unless told"),
  threadNames: flag.optional().describe("Whether samples tell their threads' names; true unless told"),
  consumers: listOf(consumer, least, 'names of consumers')
    .optional()
    .describe("Names of the agent's consumers that get its samples; all unless told"),
})

/** `spec` of the plain form. */
export const plainSpecSchema = z
  .strictObject(fieldsFrom(1))
  .superRefine((stated, context) => refuseContradictions(stated, inCamelCase, context))

const snake = fieldsFrom(0)
/** The fields that may stand in the wrapper in place of `data`. */
const snakeShape = {
  event_name: snake.eventName,
  sample_period: snake.samplePeriod,
  sample_frequency_hz: snake.sampleFrequencyHz,
  interval_seconds: snake.intervalSeconds,
  max_stack_depth: snake.maxStackDepth,
  process_filters: snake.processFilters,
  cgroups: snake.cgroups,
  kernel_stacks: snake.kernelStacks,
  user_stacks: snake.userStacks,
  thread_names: snake.threadNames,
  consumers: snake.consumers,
}
export const snakeFields = z.object(snakeShape)
type SnakeFields = z.output<typeof snakeFields>

/** The fields of a payload, and of a wrapper without one. */
export const snakeSchema = z
  .strictObject(snakeShape)
  .superRefine((fields, context) => refuseContradictions(statedOf(fields), inSnakeCase, context))

function refuseContradictions(
  stated: StatedCollection,
  spelling: Spelling,
  context: z.core.$RefinementCtx,
): void {
  for (const { field, message } of contradictionsOf(stated, spelling))
    context.addIssue({ code: 'custom', path: [spelling(field)], message })
}

/** Zeroes and empty lists say nothing, as in protobuf. */
export const statedOf = (fields: SnakeFields): StatedCollection => ({
  eventName: fields.event_name,
  samplePeriod: fields.sample_period || undefined,
  sampleFrequencyHz: fields.sample_frequency_hz || undefined,
  intervalSeconds: fields.interval_seconds || undefined,
  maxStackDepth: fields.max_stack_depth || undefined,
  processFilters: unlessEmpty(fields.process_filters),
  cgroups: unlessEmpty(fields.cgroups),
  kernelStacks: fields.kernel_stacks,
  userStacks: fields.user_stacks,
  threadNames: fields.thread_names,
  consumers: unlessEmpty(fields.consumers),
})

const unlessEmpty = (list: readonly string[] | undefined): readonly string[] | undefined =>
  list === undefined || list.length === 0 ? undefined : list
