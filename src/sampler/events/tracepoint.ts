// Tracepoints: `group:name` and globs of both, by the ids that tracefs gives them.

import { globMatches } from '../../base/glob.ts'
import { didYouMean } from '../../base/near.ts'
import { AgentError } from '../../core/errors.ts'
import { EVENT_TYPE } from '../../core/profile.ts'
import type { EventKind } from './names.ts'
import { type EventPlaces, listing, namesIn, textIn } from './places.ts'

const isGlob = (text: string): boolean => /[*?]/.test(text)

/**
 * As many as match.
 * @throws AgentError `EVENT.NOT_HERE`
 */
export function tracepointsOf(system: string, name: string, places: EventPlaces): readonly EventKind[] {
  const events = tracefsEvents(`${system}:${name}`, places)
  const systems = namesIn(events)
  const found = systems
    .filter((each) => (isGlob(system) ? globMatches(system, each) : each === system))
    .flatMap((each) => inSystem(each, name, events))
  if (found.length > 0) return found
  throw notHere(
    `There is no tracepoint ${system}:${name}${meant({ system, name, systems, events })} (${events}).`,
  )
}

function inSystem(system: string, name: string, events: string): readonly EventKind[] {
  const names = isGlob(name) ? namesIn(events, system).filter((each) => globMatches(name, each)) : [name]
  return names.flatMap((each) => {
    const id = textIn(events, system, each, 'id')
    return id === undefined ? [] : [tracepoint(`${system}:${each}`, BigInt(id))]
  })
}

export const tracepoint = (name: string, id: bigint): EventKind => ({
  name,
  type: EVENT_TYPE.tracepoint,
  config: id,
  unit: 'count',
})

function meant({ system, name, systems, events }: Missing): string {
  if (isGlob(system) || isGlob(name)) return ''
  if (!systems.includes(system)) {
    return didYouMean(system, systems) || '; its module may not be loaded (modprobe)'
  }
  return didYouMean(name, namesIn(events, system)) || `; sonde list '${system}:*' shows which there are`
}

interface Missing {
  readonly system: string
  readonly name: string
  readonly systems: readonly string[]
  readonly events: string
}

/** The directory of events in tracefs, or a sentence of why there is none to be read. */
export function findTracefs({
  tracing,
}: EventPlaces): { readonly events: string } | { readonly problem: string } {
  const tried = tracing.map((mount) => ({ events: `${mount}/events`, listed: listing(mount, 'events') }))
  const found = tried.find(({ listed }) => !('error' in listed))
  if (found !== undefined) return { events: found.events }
  const refused = tried.find(({ listed }) => 'error' in listed && /^E(ACCES|PERM)$/.test(listed.error))
  if (refused !== undefined) {
    return {
      problem: `${refused.events} may not be read: run as root, or mount tracefs with gid= for a group of yours`,
    }
  }
  return {
    problem: `tracefs is not mounted at ${tracing.join(' or ')}: mount -t tracefs nodev ${tracing[0]} (in a container: mount the host's)`,
  }
}

function tracefsEvents(event: string, places: EventPlaces): string {
  const found = findTracefs(places)
  if ('events' in found) return found.events
  throw notHere(`Cannot find the tracepoint ${event}: ${found.problem}.`)
}

/** The names of the fields that a filter of the tracepoint may use, in their order. */
export function fieldsOf(tracepoint: string, places: EventPlaces): readonly string[] {
  const found = findTracefs(places)
  const [system = '', name = ''] = tracepoint.split(':')
  const format = 'events' in found ? textIn(found.events, system, name, 'format') : undefined
  return [...(format ?? '').matchAll(/^\s*field:[^;]*?(\w+)(?:\[[^\]]*\])?;/gm)]
    .map((field) => field[1] ?? '')
    .filter((field) => !field.startsWith('common_'))
}

const notHere = (message: string): AgentError => new AgentError('EVENT.NOT_HERE', message)
