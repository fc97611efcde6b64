// When samples are taken, while a recording goes on.

import type { Agent } from '../agent.ts'
import { messageOf } from '../core/errors.ts'
import { eventsIn } from '../core/event-list.ts'
import { Control } from './control.ts'
import { followDelay } from './delay.ts'
import type { ParsedOptions } from './options.ts'
import type { RecordParts } from './record-parts.ts'
import type { RecordRequest } from './record-request.ts'
import { eventsOf, rateOf } from './sampling-options.ts'

/** What says from now on when samples are taken. */
export function steer(
  agent: Agent,
  { delay = [], control, options }: RecordRequest,
  { log }: RecordParts,
): { readonly stopped: Promise<void>; close(): void } {
  const stop = Promise.withResolvers<void>()
  const failed = (error: unknown): void => log.write('error', messageOf(error))
  const leaveDelay = followDelay(delay, {
    enable: () => void agent.resume().catch(failed),
    disable: () => void agent.pause().catch(failed),
  })
  const controlled = {
    enable: () => agent.resume(),
    disable: () => agent.pause(),
    snapshot: () => agent.rotate(),
    stop: () => stop.resolve(),
    evlist: (detail: string) => process.stdout.write(`${eventLines(options, detail).join('\n')}\n`),
  }
  const taken = control && new Control(control, controlled, log)
  return {
    stopped: stop.promise,
    close() {
      leaveDelay()
      taken?.close()
    },
  }
}

/** As perf lists them. */
function eventLines(options: ParsedOptions, detail: string): readonly string[] {
  const rate = rateOf(options)
  const told =
    rate.by === 'frequency' ? `sample_freq=${rate.hertz}` : `sample_period=${rate.period.toString()}`
  return eventsOf(options)
    .flatMap((event) => eventsIn(typeof event === 'string' ? event : event.text).events)
    .map((event) => (detail === '-v' || detail === '-F' ? `${event}: ${told}` : event))
}
