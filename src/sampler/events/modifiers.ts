// The letters behind an event, as perf has them: each is honoured, or refused with the reason.

import { AgentError } from '../../core/errors.ts'
import { EVENT_TYPE, type EventDetails, type EventInfo } from '../../core/profile.ts'
import type { EventKind } from './names.ts'

export interface Modes extends Pick<EventInfo, 'excludeUser' | 'excludeKernel'> {
  readonly details: EventDetails
  /** In Sonde's order. */
  readonly letters: string
}

/** In the order in which names have them. */
const LETTERS = 'ukhpPGHDeI'

const REFUSED: Readonly<Record<string, string>> = {
  S: 'it reads a group at each sample of its leader: write {a,b}:S',
  W: 'a group that cannot be opened is an error',
  b: 'BPF counters are for perf stat, which counts',
  R: 'the retirement latency is for perf stat, which counts',
  X: 'events are never put together',
}

/**
 * @param precision of `P`: as little skid as the machine can do
 * @throws AgentError `EVENT.UNKNOWN`, `EVENT.REFUSED`
 */
export function modesOf(letters: string, kind: EventKind, { text, precision }: ModifierContext): Modes {
  for (const letter of letters) checkLetter(letter, kind, text)
  const has = (letter: string): boolean => letters.includes(letter)
  const spelled = has('u') || has('k') || has('h')
  const excludeUser = spelled && !has('u')
  const excludeKernel = spelled && !has('k')
  const excludeHypervisor = spelled && !has('h')
  const preciseIp = has('P') ? precision() : [...letters].filter((letter) => letter === 'p').length
  if (preciseIp > 3) throw refused(`'${text}': there are three levels of precision, :p, :pp and :ppp.`)
  const guestsLeftOut = has('p') || (has('H') && !has('G'))
  return {
    excludeUser,
    excludeKernel,
    details: {
      ...(preciseIp === 0 ? {} : { preciseIp }),
      ...(excludeHypervisor === (excludeUser || excludeKernel) ? {} : { excludeHypervisor }),
      ...(has('G') && !has('H') ? { excludeHost: true } : {}),
      ...(guestsLeftOut && !has('G') ? { excludeGuest: true } : {}),
      ...(has('D') ? { pinned: true } : {}),
      ...(has('e') ? { exclusive: true } : {}),
    },
    letters: [...LETTERS].flatMap((letter) => inName(letter, letters)).join(''),
  }
}

export interface ModifierContext {
  /** The event as it was written. */
  readonly text: string
  readonly precision: () => number
}

function checkLetter(letter: string, { name, type }: EventKind, text: string): void {
  const why = REFUSED[letter]
  if (why !== undefined) throw refused(`The modifier '${letter}' of '${text}' is refused: ${why}.`)
  if (!LETTERS.includes(letter)) {
    const known =
      'u is user mode, k the kernel, h the hypervisor, p, pp, ppp and P less skid, H the host, G guests, D pinned, e exclusive'
    throw new AgentError('EVENT.UNKNOWN', `The modifier '${letter}' of '${text}' is not known: ${known}.`)
  }
  const software: readonly number[] = [EVENT_TYPE.software, EVENT_TYPE.tracepoint, EVENT_TYPE.breakpoint]
  if (!software.includes(type)) return
  const reason = FOR_COUNTERS_ONLY[letter]
  if (reason !== undefined)
    throw refused(`The modifier '${letter}' of '${text}' is refused: ${name} ${reason}.`)
}

/** Of what a CPU's counters do not count. */
const FOR_COUNTERS_ONLY: Readonly<Record<string, string>> = {
  p: 'is counted by the kernel, which has no skid to lessen',
  G: 'is counted by this kernel, which does not see inside of guests',
  e: 'takes no counter that it could have for itself',
}

const refused = (message: string): AgentError => new AgentError('EVENT.REFUSED', message)

/** Said twice is said once, but for p. */
const inName = (letter: string, letters: string): readonly string[] => {
  const found = [...letters].filter((each) => each === letter)
  return letter === 'p' ? found : found.slice(0, 1)
}
