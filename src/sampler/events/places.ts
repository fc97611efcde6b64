// Where a machine says what events it has.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../../core/errors.ts'

export interface EventPlaces {
  /** A directory for each PMU. */
  readonly devices: string
  /** Where tracefs may be mounted, the usual place first. */
  readonly tracing: readonly string[]
}

export const EVENT_PLACES: EventPlaces = {
  devices: '/sys/bus/event_source/devices',
  tracing: ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'],
}

/** Without the space around it; undefined where it cannot be read. */
export function textIn(...path: readonly string[]): string | undefined {
  try {
    return readFileSync(join(...path), 'latin1').trim()
  } catch {
    return undefined
  }
}

/** The names in a directory in order, or why it cannot be read, by errno name. */
export function listing(...path: readonly string[]): readonly string[] | { readonly error: string } {
  try {
    return readdirSync(join(...path)).sort()
  } catch (error) {
    return { error: errnoOf(error) ?? 'EIO' }
  }
}

/** The names in a directory in order; none where it cannot be read. */
export function namesIn(...path: readonly string[]): readonly string[] {
  const names = listing(...path)
  return 'error' in names ? [] : names
}
