// Breakpoints: `mem:ADDRESS[/LENGTH][:rwx]`.

import { AgentError } from '../../core/errors.ts'
import { EVENT_TYPE, type EventDetails } from '../../core/profile.ts'
import type { EventKind } from './names.ts'
import { numberIn } from './terms.ts'

/** HW_BREAKPOINT_* */
const ACCESS: Readonly<Record<string, number>> = { r: 1, w: 2, x: 4 }
const EXECUTE = 4
const LENGTHS: readonly bigint[] = [1n, 2n, 4n, 8n]
/** Of an instruction, as the kernel wants it to be stated. */
const INSTRUCTION_BYTES = process.arch === 'arm64' ? 4n : 8n

export interface Breakpoint {
  readonly kind: EventKind
  readonly details: EventDetails
  readonly modifiers: string
}

/** @throws AgentError `EVENT.UNKNOWN` */
export function breakpointOf(text: string): Breakpoint {
  const parts = /^mem:(0x[0-9a-f]+|\d+)(?:\/(\d+))?(?::([rwx]+))?(?::(\w+))?$/i.exec(text)
  const address = numberIn(parts?.[1] ?? '')
  if (address === undefined || address >= 2n ** 64n) {
    throw wrong(text, 'write mem:ADDRESS[/LENGTH][:rwx], the address as a number (nm shows it)')
  }
  const access = parts?.[3] ?? 'rw'
  const breakpointType = [...new Set(access)].reduce((sum, letter) => sum | (ACCESS[letter] ?? 0), 0)
  const executes = (breakpointType & EXECUTE) !== 0
  if (executes && breakpointType !== EXECUTE) {
    throw wrong(text, 'x watches what is executed, r and w what is read and written: one or the other')
  }
  const length = parts?.[2] === undefined ? (executes ? INSTRUCTION_BYTES : 4n) : BigInt(parts[2])
  if (!LENGTHS.includes(length)) throw wrong(text, 'the length is 1, 2, 4 or 8 bytes')
  return {
    kind: {
      name: `mem:0x${address.toString(16)}/${length}:${access}`,
      type: EVENT_TYPE.breakpoint,
      config: 0n,
      unit: 'count',
    },
    details: { ...(address === 0n ? {} : { config1: address }), config2: length, breakpointType },
    modifiers: parts?.[4] ?? '',
  }
}

const wrong = (text: string, why: string): AgentError =>
  new AgentError('EVENT.UNKNOWN', `'${text}' is no breakpoint: ${why}.`)
