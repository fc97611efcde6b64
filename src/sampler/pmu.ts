// Whether the machine has a performance monitoring unit, and what that means for the events asked for.

import { readdirSync } from 'node:fs'
import { AgentError } from '../core/errors.ts'
import type { EventInfo } from '../core/profile.ts'
import { AUTO, needsHardware, parseEvent } from './events.ts'

const DEVICES = '/sys/bus/event_source/devices'

/** Names under which the kernel shows CPU PMUs: x86 (hybrid too), Arm, RISC-V, s390, Apple. */
const CPU_PMU = /^(cpu|cpu_core|cpu_atom|cpum_cf|riscv.*|arm.*pmu.*|apple_.*_pmu)$/

/** The machine's CPU PMUs by their names in sysfs; a virtual machine often has none. */
export function cpuPmus(devices: () => readonly string[] = () => readdirSync(DEVICES)): readonly string[] {
  try {
    return devices().filter((name) => CPU_PMU.test(name))
  } catch {
    return []
  }
}

export interface ChosenEvents {
  readonly events: readonly EventInfo[]
  /** What was chosen for the user, in a sentence each. */
  readonly notices: readonly string[]
}

/**
 * Reads the events and resolves `auto`: cycles where there is a PMU, else cpu-clock.
 * @throws AgentError `EVENT.UNKNOWN`, `EVENT.TWICE`, `EVENT.NO_PMU`
 */
export function chooseEvents(texts: readonly string[], pmus: readonly string[]): ChosenEvents {
  const notices: string[] = []
  const events = texts.map((text) => {
    const [name, ...modifiers] = text.split(':')
    if (name !== AUTO) return parseEvent(text)
    const chosen = pmus.length > 0 ? 'cycles' : 'cpu-clock'
    notices.push(
      pmus.length > 0
        ? `auto: sampling cycles (PMU ${pmus.join(', ')}).`
        : 'auto: sampling cpu-clock, because this machine has no PMU.',
    )
    return parseEvent([chosen, ...modifiers].join(':'))
  })
  refuseTwins(events)
  refuseMissingHardware(events, pmus)
  return { events, notices }
}

function refuseTwins(events: readonly EventInfo[]): void {
  const names = events.map((event) => event.name)
  const twin = names.find((name, index) => names.indexOf(name) !== index)
  if (twin !== undefined) throw new AgentError('EVENT.TWICE', `The event ${twin} is asked for twice.`)
}

function refuseMissingHardware(events: readonly EventInfo[], pmus: readonly string[]): void {
  const event = pmus.length > 0 ? undefined : events.find(needsHardware)
  if (event === undefined) return
  throw new AgentError(
    'EVENT.NO_PMU',
    `Cannot sample ${event.name}: this machine has no hardware performance monitoring unit ` +
      `(no CPU PMU in ${DEVICES}).\nSample cpu-clock instead, or let --event auto choose.`,
  )
}
