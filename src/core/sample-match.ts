// What a rule of a filter looks at, as a text: the command line takes it so, and the status and the log show it so.

import { didYouMean } from '../base/near.ts'
import type { FilterRule, SampleFilter, SampleMatch } from './sample-filter.ts'

/** What stands before the `=`; `kernel-threads` has none. */
const KEYS = ['pid', 'tree', 'cgroup', 'comm', 'process', 'uid', 'kernel-threads'] as const

/** The kernel's names of threads, of which the first's is the process's: TASK_COMM_LEN without the NUL. */
const MAX_COMM_BYTES = 15
/** The largest that the kernel allows (PID_MAX_LIMIT). */
const MAX_PID = 4_194_304
/** -1 is nobody. */
const MAX_UID = 0xffff_fffe

/** A value that no rule can have; its message says what is expected. */
export class MatchError extends Error {}

/** @throws MatchError */
export function pidOf(value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= MAX_PID) return value
  throw new MatchError(`expected the number of a process, 0 to ${MAX_PID}`)
}

/** @throws MatchError */
export function uidOf(value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= MAX_UID) return value
  throw new MatchError('expected the number of a user')
}

/** @throws MatchError */
export function commOf(name: string, whose: 'thread' | 'process'): string {
  const bytes = new TextEncoder().encode(name)
  if (bytes.length === 0) throw new MatchError(`expected a ${whose}'s name, whole`)
  if (bytes.length <= MAX_COMM_BYTES) return name
  const cut = new TextDecoder().decode(bytes.subarray(0, MAX_COMM_BYTES))
  throw new MatchError(
    `the kernel keeps ${MAX_COMM_BYTES} bytes of a ${whose}'s name: this one would be '${cut}'`,
  )
}

/**
 * A path from the root of the hierarchy, or of the directory; slashes in front and behind may be missing or too many. A number is an id.
 * @throws MatchError
 */
export function cgroupMatchOf(text: string): SampleMatch {
  if (/^\d{1,19}$/.test(text) && text !== '0') return { by: 'cgroup', id: BigInt(text) }
  const path = `/${text
    .split('/')
    .filter((part) => part !== '')
    .join('/')}`
  if (text === '' || text.includes('\0')) throw new MatchError('expected a path or an id')
  return { by: 'cgroup', path }
}

/**
 * `pid=12`, `tree=12`, `cgroup=/a/b`, `comm=name`, `process=name`, `uid=0`, `kernel-threads`.
 * @param userNamed the number of a user by his name; undefined where there is none
 * @throws MatchError
 */
export function parseMatch(text: string, userNamed: (name: string) => number | undefined): SampleMatch {
  const at = text.indexOf('=')
  const word = at < 0 ? text : text.slice(0, at)
  const value = at < 0 ? undefined : text.slice(at + 1)
  const key = KEYS.find((each) => each === word)
  if (key === undefined) {
    throw new MatchError(
      `expected ${KEYS.join(', ')}, all but the last with = and a value${didYouMean(word, KEYS)}`,
    )
  }
  if (key === 'kernel-threads') {
    if (value === undefined) return { by: 'kernel_thread' }
    throw new MatchError('kernel-threads takes no value')
  }
  if (value === undefined || value === '') throw new MatchError(`expected ${key}= and a value`)
  switch (key) {
    case 'pid':
    case 'tree':
      return { by: key, pid: pidOf(decimal(value)) }
    case 'cgroup':
      return cgroupMatchOf(value)
    case 'comm':
      return { by: 'comm', comm: commOf(value, 'thread') }
    case 'process':
      return { by: 'process', comm: commOf(value, 'process') }
    case 'uid':
      return { by: 'uid', uid: /^\d+$/.test(value) ? uidOf(decimal(value)) : userOf(value, userNamed) }
  }
}

const decimal = (text: string): number => (/^\d+$/.test(text) ? Number(text) : Number.NaN)

function userOf(name: string, userNamed: (name: string) => number | undefined): number {
  const uid = userNamed(name)
  if (uid !== undefined) return uid
  throw new MatchError(`there is no user ${name} in /etc/passwd: give the number`)
}

/** What parseMatch reads. */
export function matchText(match: SampleMatch): string {
  switch (match.by) {
    case 'pid':
    case 'tree':
      return `${match.by}=${match.pid}`
    case 'cgroup':
      return `cgroup=${'path' in match ? match.path : match.id}`
    case 'comm':
    case 'process':
      return `${match.by}=${match.comm}`
    case 'uid':
      return `uid=${match.uid}`
    case 'kernel_thread':
      return 'kernel-threads'
  }
}

/** `include cgroup=/a`, `one in 10 of comm=b`. */
const ruleText = (rule: FilterRule): string =>
  rule.action === 'thin'
    ? `one in ${rule.oneIn} of ${matchText(rule.match)}`
    : `${rule.action} ${matchText(rule.match)}`

/** What is wanted, for a person. */
export const filterText = ({ rules }: SampleFilter): string =>
  rules.length === 0 ? 'everything' : rules.map(ruleText).join(', ')
