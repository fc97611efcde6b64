// Where profiles go: to Datadog's agent on this machine or another, or with an API key to Datadog itself. The environment
// comes before the configuration; an agent that is named before a key.

import { AgentError } from '../../core/errors.ts'
import type { Environment } from '../../core/setting-facts.ts'
import { AGENT_PORT, agentIn, said } from './agent-variables.ts'
import type { DatadogPprofConfig } from './schema.ts'

export type ApiKey =
  | { readonly in: 'configuration'; readonly value: string }
  | { readonly in: 'file'; readonly path: string }

export type Destination =
  | { readonly via: 'agent'; readonly url: string; readonly socketPath: string | undefined }
  | { readonly via: 'intake'; readonly url: string; readonly apiKey: ApiKey }

const AGENT_PATH = '/profiling/v1/input'
const AGENT_SOCKET = '/var/run/datadog/apm.socket'
const SITE = 'datadoghq.com'

/**
 * @param exists whether there is something at a path
 * @throws AgentError `DATADOG.AGENT_URL`, `DATADOG.SITE`, `DATADOG.NO_API_KEY`; never with a value that may be a secret
 */
export function destinationOf(
  config: DatadogPprofConfig,
  environment: Environment,
  exists: (path: string) => boolean,
): Destination {
  const agent = agentIn(environment) ?? config.url
  if (agent !== undefined) return agentAt(agent)
  const apiKey = apiKeyOf(config, environment)
  if (apiKey !== undefined) return { via: 'intake', url: intakeUrl(config, environment), apiKey }
  if (config.intakeUrl !== undefined) {
    throw new AgentError(
      'DATADOG.NO_API_KEY',
      'datadog_pprof: intakeUrl needs an API key: set DD_API_KEY, apiKeyFile or apiKey, or send to an agent with url.',
    )
  }
  return agentAt(exists(AGENT_SOCKET) ? `unix://${AGENT_SOCKET}` : `http://localhost:${AGENT_PORT}`)
}

function agentAt(text: string): Destination {
  const socketPath = /^unix:(?:\/\/)?(\/.+)$/.exec(text)?.[1]
  if (socketPath !== undefined) return { via: 'agent', url: `http://localhost${AGENT_PATH}`, socketPath }
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new AgentError(
      'DATADOG.AGENT_URL',
      'datadog_pprof: the URL of the Datadog agent cannot be used: expected http://host:port or unix:///path (DD_TRACE_AGENT_URL, DD_AGENT_HOST, url).',
    )
  }
  if (!url.pathname.endsWith(AGENT_PATH)) url.pathname = `${url.pathname.replace(/\/$/, '')}${AGENT_PATH}`
  return { via: 'agent', url: url.href, socketPath: undefined }
}

function apiKeyOf({ apiKey, apiKeyFile }: DatadogPprofConfig, environment: Environment): ApiKey | undefined {
  const value = said(environment, 'DD_API_KEY')
  if (value !== undefined) return { in: 'configuration', value }
  if (apiKeyFile !== undefined) return { in: 'file', path: apiKeyFile }
  return apiKey === undefined ? undefined : { in: 'configuration', value: apiKey }
}

function intakeUrl(config: DatadogPprofConfig, environment: Environment): string {
  const site = said(environment, 'DD_SITE') ?? config.site ?? SITE
  if (config.intakeUrl !== undefined) return config.intakeUrl
  if (/^[A-Za-z0-9.-]+$/.test(site)) return `https://intake.profile.${site}/api/v2/profile`
  throw new AgentError(
    'DATADOG.SITE',
    'datadog_pprof: the Datadog site cannot be used: expected a name such as datadoghq.com or datadoghq.eu (DD_SITE, site).',
  )
}
