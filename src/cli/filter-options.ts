// Options that say which samples are wanted, for the commands that sample.

import { readFileSync } from 'node:fs'
import { UsageError } from '../core/errors.ts'
import {
  EVERYTHING,
  type FilterRule,
  MAX_FILTER_RULES,
  MAX_ONE_IN,
  type SampleFilter,
  type SampleMatch,
} from '../core/sample-filter.ts'
import { MatchError, parseMatch } from '../core/sample-match.ts'
import { listOf } from './arguments.ts'
import type { Option, ParsedOptions } from './options.ts'

export const FILTER_OPTIONS: readonly Option[] = [
  {
    long: 'include',
    value: 'MATCH',
    multiple: true,
    help: 'Only samples of what matches: pid=12, tree=12 (and its descendants), cgroup=/PATH or cgroup=ID (and those below it), comm=NAME (of the thread), process=NAME (of its process), uid=NUMBER or uid=NAME, kernel-threads. Of several, any will do',
  },
  {
    long: 'exclude',
    value: 'MATCH',
    multiple: true,
    help: 'No samples of what matches, whatever is included',
  },
  {
    long: 'thin',
    value: 'MATCH:N',
    multiple: true,
    help: 'Of what matches one sample in N, chosen at random; it counts N times. Of several, the most specific counts',
  },
  { long: 'cgroup', short: 'G', value: 'PATH', multiple: true, help: 'The same as --include cgroup=PATH' },
  { long: 'uid', short: 'u', value: 'USER', multiple: true, help: 'The same as --include uid=USER' },
  {
    long: 'filter-comm',
    value: 'NAME',
    multiple: true,
    help: 'The same as --include comm=NAME; several after commas',
  },
]

/** What the options come to. @throws UsageError */
export function filterOf(options: ParsedOptions): SampleFilter {
  const rules = [
    ...options.values('include').map((text) => ruleOf('include', text, `--include ${text}`)),
    ...options.values('cgroup').map((path) => ruleOf('include', `cgroup=${path}`, `--cgroup ${path}`)),
    ...listOf(options.values('uid')).map((user) => ruleOf('include', `uid=${user}`, `--uid ${user}`)),
    ...listOf(options.values('filter-comm')).map((name) =>
      ruleOf('include', `comm=${name}`, `--filter-comm ${name}`),
    ),
    ...options.values('exclude').map((text) => ruleOf('exclude', text, `--exclude ${text}`)),
    ...options.values('thin').map(thinningOf),
  ]
  checkRuleCount(rules.length)
  return rules.length === 0 ? EVERYTHING : { rules }
}

/** @throws UsageError */
export function checkRuleCount(rules: number): void {
  if (rules > MAX_FILTER_RULES)
    throw new UsageError(
      `These are ${rules} rules for which samples are wanted: ${MAX_FILTER_RULES} are the most.`,
    )
}

const ruleOf = (action: 'include' | 'exclude', text: string, option: string): FilterRule => ({
  action,
  match: matchOf(text, option),
})

/** A name may have a colon: the last one counts. */
function thinningOf(text: string): FilterRule {
  const [, match, number] = /^(.*):(\d+)$/s.exec(text) ?? []
  const oneIn = Number(number)
  if (match === undefined || oneIn < 2 || oneIn > MAX_ONE_IN)
    throw new UsageError(`--thin ${text}: expected a match, a colon and 2 to ${MAX_ONE_IN}: comm=worker:10.`)
  return { action: 'thin', match: matchOf(match, `--thin ${text}`), oneIn }
}

function matchOf(text: string, option: string): SampleMatch {
  try {
    return parseMatch(text, (name) => uidIn(readPasswords(), name))
  } catch (error) {
    if (error instanceof MatchError) throw new UsageError(`${option}: ${error.message}.`)
    throw error
  }
}

/** The number of a user by a text like /etc/passwd: `name:password:number:…`. */
export function uidIn(text: string, name: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${name}:`))
  const number = line?.split(':')[2]
  return number !== undefined && /^\d+$/.test(number) ? Number(number) : undefined
}

function readPasswords(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}
