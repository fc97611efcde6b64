// The first of several places that names a process's service.

import { globMatches } from '../base/glob.ts'
import type { ServiceName } from '../core/resource.ts'
import { cleanServiceName, type ServiceMatch, type ServicePolicy } from '../core/service-policy.ts'
import { type Environment, NAMING_VARIABLES, serviceIn } from './environment.ts'

/** What is known of a process when its service is named. */
export interface Evidence {
  readonly executablePath: string
  readonly executableName: string
  /** Undefined: not known. */
  readonly commandLine: string | undefined
  readonly cgroupPaths: readonly string[]
  /** Wanted variables only. Undefined: not known. */
  readonly environment: Environment | undefined
}

/** The variables that have a say. */
export const wantedVariables = ({ rules }: ServicePolicy): ReadonlySet<string> =>
  new Set([...NAMING_VARIABLES, ...rules.flatMap(({ match }) => Object.keys(match.environment ?? {}))])

export const asksCommandLines = ({ rules }: ServicePolicy): boolean =>
  rules.some(({ match }) => match.commandLine !== undefined)

export function serviceNameOf({ rules, defaultName }: ServicePolicy, evidence: Evidence): ServiceName {
  const rule = rules.find(({ match }) => matches(match, evidence))
  if (rule !== undefined) return { name: rule.serviceName, from: 'rule' }
  const stated = evidence.environment === undefined ? '' : serviceIn(evidence.environment)
  if (stated !== '') return { name: stated, from: 'environment' }
  const executable = cleanServiceName(evidence.executableName)
  return executable === '' ? { name: defaultName, from: 'default' } : { name: executable, from: 'executable' }
}

const matches = (match: ServiceMatch, evidence: Evidence): boolean =>
  matchesExecutable(match.executable, evidence) &&
  (match.commandLine === undefined || fits(match.commandLine, evidence.commandLine)) &&
  (match.cgroup === undefined || evidence.cgroupPaths.some((path) => fits(match.cgroup, path))) &&
  Object.entries(match.environment ?? {}).every(([name, pattern]) =>
    fits(pattern, evidence.environment?.get(name)),
  )

const matchesExecutable = (pattern: string | undefined, evidence: Evidence): boolean =>
  pattern === undefined ||
  fits(pattern, pattern.includes('/') ? evidence.executablePath : evidence.executableName)

/** What is empty is as good as not known. */
const fits = (pattern: string | undefined, text: string | undefined): boolean =>
  pattern !== undefined && text !== undefined && text !== '' && globMatches(pattern, text)
