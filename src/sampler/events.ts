// Events by perf's names: `cpu-clock`, `faults`, `cycles:u`, and `auto`.

import { didYouMean } from '../base/near.ts'
import { AgentError } from '../core/errors.ts'
import type { EventInfo } from '../core/profile.ts'

const HARDWARE = 0
const SOFTWARE = 1

interface EventKind {
  readonly name: string
  readonly aliases: readonly string[]
  readonly type: number
  readonly config: bigint
  readonly unit: EventInfo['unit']
  /** Happens while the kernel runs, so that nothing is left of it in user mode. */
  readonly inKernel: boolean
}

const event = (type: number, config: bigint, name: string, aliases: readonly string[] = []): EventKind => ({
  name,
  aliases,
  type,
  config,
  unit: name.endsWith('-clock') ? 'nanoseconds' : 'count',
  inKernel: name === 'context-switches' || name === 'cpu-migrations',
})

/** perf_event_attr's type and config (PERF_COUNT_SW_*, PERF_COUNT_HW_*), by perf's names. */
export const EVENTS: readonly EventKind[] = [
  event(SOFTWARE, 0n, 'cpu-clock'),
  event(SOFTWARE, 1n, 'task-clock'),
  event(SOFTWARE, 2n, 'page-faults', ['faults']),
  event(SOFTWARE, 5n, 'minor-faults'),
  event(SOFTWARE, 6n, 'major-faults'),
  event(SOFTWARE, 3n, 'context-switches', ['cs']),
  event(SOFTWARE, 4n, 'cpu-migrations', ['migrations']),
  event(SOFTWARE, 7n, 'alignment-faults'),
  event(SOFTWARE, 8n, 'emulation-faults'),
  event(HARDWARE, 0n, 'cycles', ['cpu-cycles']),
  event(HARDWARE, 1n, 'instructions'),
  event(HARDWARE, 2n, 'cache-references'),
  event(HARDWARE, 3n, 'cache-misses'),
  event(HARDWARE, 4n, 'branch-instructions', ['branches']),
  event(HARDWARE, 5n, 'branch-misses'),
]

/** What stands for "the best clock this machine has". */
export const AUTO = 'auto'

const kindOf = (name: string): EventKind | undefined =>
  EVENTS.find((kind) => kind.name === name || kind.aliases.includes(name))

const allNames = (): readonly string[] => [AUTO, ...EVENTS.flatMap((kind) => [kind.name, ...kind.aliases])]

/**
 * Reads `name[:modifiers]`; `auto` is not an event and is resolved before.
 * @throws AgentError `EVENT.UNKNOWN` that suggests what was meant
 */
export function parseEvent(text: string): EventInfo {
  const [name = '', modifiers, ...rest] = text.split(':')
  const kind = kindOf(name)
  if (kind === undefined) {
    const known = EVENTS.map((each) => each.name).join(', ')
    const meant = didYouMean(name, allNames())
    throw unknown(`There is no event '${name}'${meant || `. Sonde knows ${known}, and auto`}.`)
  }
  if (rest.length > 0 || modifiers === '') throw unknown(`'${text}' is not an event: write ${kind.name}:u`)
  const { user, kernel } = modesOf(modifiers, text)
  return eventInfo(kind, { excludeUser: !user, excludeKernel: !kernel, spelled: modifiers !== undefined })
}

/**
 * The event, as far as its name says: `auto` is chosen when it starts.
 * @throws AgentError `EVENT.UNKNOWN`, also where `auto` has wrong modifiers
 */
export function checkEventName(text: string): EventInfo | undefined {
  const isAuto = /^auto(?=:|$)/.test(text)
  const info = parseEvent(isAuto ? text.replace('auto', 'cycles') : text)
  return isAuto ? undefined : info
}

/** The same event in user mode only, under the name that perf gives it. */
export const inUserMode = (info: EventInfo): EventInfo => ({
  ...info,
  name: `${baseNameOf(info)}:u`,
  excludeUser: false,
  excludeKernel: true,
})

/** Whether the event happens while the kernel runs, whoever caused it. */
export const happensInKernel = (info: EventInfo): boolean => kindOf(baseNameOf(info))?.inKernel === true

/** Whether counting the event needs a performance monitoring unit. */
export const needsHardware = (info: EventInfo): boolean => info.type === HARDWARE

const baseNameOf = (info: EventInfo): string => info.name.split(':')[0] ?? ''

function modesOf(modifiers: string | undefined, text: string): { user: boolean; kernel: boolean } {
  if (modifiers === undefined) return { user: true, kernel: true }
  const strange = [...modifiers].find((letter) => letter !== 'u' && letter !== 'k')
  if (strange !== undefined) {
    throw unknown(`The modifier '${strange}' of '${text}' is not known: u is user mode, k is the kernel.`)
  }
  return { user: modifiers.includes('u'), kernel: modifiers.includes('k') }
}

function eventInfo(
  kind: EventKind,
  modes: { readonly excludeUser: boolean; readonly excludeKernel: boolean; readonly spelled: boolean },
): EventInfo {
  const letters = `${modes.excludeUser ? '' : 'u'}${modes.excludeKernel ? '' : 'k'}`
  return {
    name: modes.spelled ? `${kind.name}:${letters}` : kind.name,
    type: kind.type,
    config: kind.config,
    unit: kind.unit,
    excludeUser: modes.excludeUser,
    excludeKernel: modes.excludeKernel,
  }
}

const unknown = (message: string): AgentError => new AgentError('EVENT.UNKNOWN', message)
