// Filters of tracepoints. The kernel evaluates them; what it cannot understand is said before, with the fields that there are.

import { didYouMean } from '../../base/near.ts'
import { AgentError } from '../../core/errors.ts'
import { EVENT_TYPE } from '../../core/profile.ts'
import type { AskedEvent } from './parse.ts'
import type { EventPlaces } from './places.ts'
import { fieldsOf } from './tracepoint.ts'

/** What the kernel has besides the fields of a tracepoint. */
const EVERYWHERE: readonly string[] = [
  'common_type',
  'common_flags',
  'common_preempt_count',
  'common_pid',
  'CPU',
  'cpu',
  'COMM',
  'comm',
  'stacktrace',
  'STACKTRACE',
]

/** @throws AgentError `EVENT.FILTER` */
export function filtered(event: AskedEvent, filter: string | undefined, places: EventPlaces): AskedEvent {
  if (filter === undefined) return event
  const { name, type } = event.info
  if (type !== EVENT_TYPE.tracepoint) {
    throw wrong(`--filter '${filter}': ${name} is no tracepoint, and has no fields to filter by.`)
  }
  const fields = fieldsOf(name, places)
  const strange = fields.length === 0 ? undefined : namesOf(filter).find((each) => !isField(each, fields))
  if (strange === undefined) return { ...event, filter }
  const known = didYouMean(strange, fields) || `; it has ${fields.join(', ')}`
  throw wrong(`--filter '${filter}': ${name} has no field '${strange}'${known}.`)
}

const isField = (name: string, fields: readonly string[]): boolean =>
  fields.includes(name) || EVERYWHERE.includes(name)

/** The left sides of comparisons. */
const namesOf = (filter: string): readonly string[] =>
  [...withoutTexts(filter).matchAll(/(\w+)\s*(?:==|!=|<=|>=|<|>|~|&(?!&))/g)]
    .map((found) => found[1] ?? '')
    .filter((name) => /^[a-z_]/i.test(name))

const withoutTexts = (filter: string): string => filter.replaceAll(/"[^"]*"|'[^']*'/g, '0')

const wrong = (message: string): AgentError => new AgentError('EVENT.FILTER', message)
