// The standard variables that say where Datadog's agent is.

import type { Environment } from '../../core/setting-facts.ts'

const URL_VARIABLE = 'DD_TRACE_AGENT_URL'
const HOST_VARIABLE = 'DD_AGENT_HOST'
const PORT_VARIABLE = 'DD_TRACE_AGENT_PORT'
export const AGENT_VARIABLES = [URL_VARIABLE, HOST_VARIABLE, PORT_VARIABLE] as const

export const AGENT_PORT = '8126'

/** A variable that is empty says nothing. */
export const said = (environment: Environment, name: string): string | undefined =>
  environment[name]?.trim() || undefined

/** Its URL. */
export function agentIn(environment: Environment): string | undefined {
  const url = said(environment, URL_VARIABLE)
  if (url !== undefined) return url
  const host = said(environment, HOST_VARIABLE)
  const port = said(environment, PORT_VARIABLE)
  if (host === undefined && port === undefined) return undefined
  const name = host ?? 'localhost'
  const bracketed = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name
  return `http://${bracketed}:${port ?? AGENT_PORT}`
}
