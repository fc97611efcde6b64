// `sonde list`: the events of this machine, for -e.

import { globMatches } from '../base/glob.ts'
import { UsageError } from '../core/errors.ts'
import {
  type EventList,
  LIST_KINDS,
  type ListedEvent,
  type ListKind,
  listMachine,
} from '../sampler/events/list.ts'
import { say } from './closing.ts'
import type { Command } from './command.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import { type Option, parseOptions } from './options.ts'
import { PAGER_OPTION, showPaged } from './pager.ts'

const OPTIONS: readonly Option[] = [
  { long: 'json', help: 'Prints the events and what is lacking as JSON (docs/events.md)' },
  PAGER_OPTION,
]

const TITLES: Readonly<Record<ListKind, string>> = {
  hw: 'Hardware event',
  sw: 'Software event',
  cache: 'Hardware cache event',
  pmu: 'PMU event',
  tracepoint: 'Tracepoint',
  raw: 'Raw hardware event',
  breakpoint: 'Hardware breakpoint',
}

export const list: Command = {
  name: 'list',
  summary: 'List the events that this machine can sample, and what it lacks',
  usage: [`list [--json] [--no-pager] [${LIST_KINDS.join('|')} | GLOB]…`],
  description: [
    'Each event was opened, but for tracepoints, of which there are thousands. A GLOB is any part of a name, or with * and ?\n' +
      'the whole. Exit status 1 where nothing matches. How events are written is in docs/events.md.',
  ],
  options: OPTIONS,
  examples: [
    ['sonde list', 'everything'],
    ["sonde list 'sched:*'", 'the tracepoints of the scheduler'],
    ['sonde list hw cache', 'what the PMU counts'],
  ],
  async run(argv) {
    const options = parseOptions(argv, OPTIONS)
    const wanted = wantedOf(options.positionals)
    const found = chosen(listMachine(), wanted)
    if (options.has('json')) process.stdout.write(jsonOf(found))
    else await showPaged(textOf(found), options)
    if (found.events.length > 0 || options.positionals.length === 0) return DONE
    say('list', `No event here matches ${options.positionals.join(' ')}.`)
    return FAILURE
  },
}

interface Wanted {
  readonly kinds: readonly ListKind[]
  readonly globs: readonly string[]
}

function wantedOf(words: readonly string[]): Wanted {
  const kinds = LIST_KINDS.filter((kind) => words.includes(kind))
  const globs = words.filter((word) => !kinds.some((kind) => kind === word))
  if (globs.includes('')) throw new UsageError('sonde list: the name is empty.')
  return { kinds, globs: globs.map((glob) => (/[*?]/.test(glob) ? glob : `*${glob}*`)) }
}

function chosen({ events, lacking }: EventList, { kinds, globs }: Wanted): EventList {
  const isKind = (kind: ListKind): boolean => kinds.length === 0 || kinds.includes(kind)
  const matches = ({ name, aliases }: ListedEvent): boolean =>
    globs.length === 0 || globs.some((glob) => [name, ...aliases].some((each) => globMatches(glob, each)))
  const found = events.filter((event) => isKind(event.kind) && matches(event))
  return {
    events: found,
    // Whoever asks for a name does not ask what else there might be, unless it is not there.
    lacking: lacking.filter(({ kind }) => isKind(kind) && (globs.length === 0 || found.length === 0)),
  }
}

function textOf({ events, lacking }: EventList): string {
  const lines = events.map(({ kind, name, aliases, unit }) => {
    const said = unit === '' ? TITLES[kind] : `${TITLES[kind]}, ${unit}`
    return `  ${[name, ...aliases].join(' OR ').padEnd(50)} [${said}]`
  })
  const missing = lacking.map(({ kind, why }) => `Not here (${kind}): ${why}.`)
  const between = lines.length > 0 && missing.length > 0 ? [''] : []
  return [...lines, ...between, ...missing].map((line) => `${line}\n`).join('')
}

const jsonOf = ({ events, lacking }: EventList): string =>
  `${JSON.stringify(
    { version: 1, events: events.map((event) => ({ ...event, config: event.config?.toString() })), lacking },
    null,
    2,
  )}\n`
