// Programs that run as the user of Sonde's containers, and what /proc says of their capabilities.

import { readdirSync, readFileSync } from 'node:fs'
import { CAPABILITY_PURPOSES, type CapabilityName } from '../../src/sampler/capabilities.ts'

export const AGENT_USER = 65532

export const isRoot = process.getuid?.() === 0

const NAMES: readonly CapabilityName[] = CAPABILITY_PURPOSES.map(({ name }) => name)

/** Every subset of the four. */
export const SUBSETS: readonly (readonly CapabilityName[])[] = Array.from(
  { length: 1 << NAMES.length },
  (_, mask) => NAMES.filter((_, index) => (mask & (1 << index)) !== 0),
)

/** As in /proc/PID/status. */
export const maskOf = (names: readonly CapabilityName[]): string =>
  CAPABILITY_PURPOSES.filter(({ name }) => names.includes(name))
    .reduce((mask, { bit }) => mask | (1n << BigInt(bit)), 0n)
    .toString(16)
    .padStart(16, '0')

/** setpriv's words for exactly these. */
export const onlyThese = (names: readonly CapabilityName[]): string =>
  ['-all', ...names.map((name) => `+${name.slice('CAP_'.length).toLowerCase()}`)].join(',')

/** setpriv's arguments for a process of that user whose bounding set has no more than these. */
export const asAgentUser = (bounding: readonly CapabilityName[]): readonly string[] => [
  ...['--reuid', String(AGENT_USER), '--regid', String(AGENT_USER), '--clear-groups'],
  `--bounding-set=${onlyThese(bounding)}`,
]

/** The sets in the text of a status file, `Inh` to `Amb`. */
export function setsIn(status: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...status.matchAll(/^Cap(\w+):\s*([0-9a-f]+)$/gm)].map(([, set, mask]) => [set, mask]),
  )
}

export interface ThreadSets {
  readonly name: string
  readonly sets: Readonly<Record<string, string>>
}

/** Of every thread that lives while it is asked. */
export function threadsOf(pid: number): readonly ThreadSets[] {
  const tasks = `/proc/${pid}/task`
  return readdirSync(tasks).flatMap((tid) => {
    try {
      const name = readFileSync(`${tasks}/${tid}/comm`, 'utf8').trim()
      return [{ name, sets: setsIn(readFileSync(`${tasks}/${tid}/status`, 'utf8')) }]
    } catch {
      return [] // it has ended
    }
  })
}
