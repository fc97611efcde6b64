// Consumers that send, which no configuration names: asked for by an option, or by the standard variables of their field.

import { AgentError, UsageError } from '../core/errors.ts'
import { type ConsumerBuilder, loadConsumers } from '../open-pipeline.ts'
import type { Log } from './log.ts'
import type { Option, ParsedOptions } from './options.ts'
import { VERSION } from './version.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const OTLP = 'otlp_profiles'
const DATADOG = 'datadog_pprof'

/** Any of them turns its consumer on. */
const TURNED_ON_BY: Readonly<Record<string, readonly string[]>> = {
  [OTLP]: ['OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  [DATADOG]: ['DD_TRACE_AGENT_URL', 'DD_AGENT_HOST', 'DD_API_KEY'],
}

const ENDPOINT_OPTION = 'otlp-profiles-endpoint'
const PRESET_OPTION = 'otlp-profiles-preset'
const DATADOG_OPTION = 'enable-profiling-datadog'

export const SENDING_OPTIONS: readonly Option[] = [
  {
    long: ENDPOINT_OPTION,
    value: 'URL',
    help: 'Sends what is sampled as OTLP profiles, too: http://localhost:4318; all else is said by OTEL_EXPORTER_OTLP_…',
  },
  {
    long: PRESET_OPTION,
    value: 'NAME',
    help: 'What reads them: collector (default), pyroscope, parca, datadog, generic',
  },
  {
    long: DATADOG_OPTION,
    help: 'Sends it to Datadog, too: to the agent on this machine unless DD_TRACE_AGENT_URL, DD_API_KEY … say otherwise',
  },
]

/** What was asked for. */
export interface Senders {
  /** Types of consumers. */
  readonly types: readonly string[]
  /** Those of them that an option asked for, not only a variable that stands there for something else perhaps. */
  readonly byOption: readonly string[]
  /** With what the options say, which goes before what it said itself. */
  readonly environment: Environment
}

/**
 * @param variables whether the environment alone may ask
 * @throws UsageError
 */
export function sendersOf(
  options: ParsedOptions,
  environment: Environment,
  variables: 'count' | 'do not count' = 'count',
): Senders {
  const endpoint = options.value(ENDPOINT_OPTION)
  const preset = options.value(PRESET_OPTION)
  const said = {
    ...(endpoint === undefined ? environment : withEndpoint(environment, endpoint)),
    ...(preset === undefined ? {} : { SONDE_OTLP_PROFILES_PRESET: preset }),
  }
  const asked = (type: string): boolean =>
    variables === 'count' && variableThatAsks(type, environment) !== undefined
  const byOption = [
    ...(endpoint !== undefined || preset !== undefined ? [OTLP] : []),
    ...(options.has(DATADOG_OPTION) ? [DATADOG] : []),
  ]
  const types = [OTLP, DATADOG].filter((type) => byOption.includes(type) || asked(type))
  return { types, byOption, environment: said }
}

/** Those that standard variables alone ask for. */
export const sendersByVariables = (environment: Environment): Senders => ({
  types: Object.keys(TURNED_ON_BY).filter((type) => variableThatAsks(type, environment) !== undefined),
  byOption: [],
  environment,
})

/** The standard variable that turns the consumer on. */
export const variableThatAsks = (type: string, environment: Environment): string | undefined =>
  TURNED_ON_BY[type]?.find((name) => (environment[name] ?? '').trim() !== '')

/**
 * Those that can work. What only the environment asked for, and cannot be used, is left out and said: its variables may be
 * meant for the program that is profiled.
 * @param configured what a configuration names is its own to judge
 * @throws AgentError where an option asked
 */
export async function usableSenders(
  senders: Senders,
  { configured = [], log }: { readonly configured?: readonly string[]; readonly log: Log['write'] },
): Promise<Senders> {
  const missing = senders.types.filter((type) => !configured.includes(type))
  const unusable: string[] = []
  for (const plugin of missing.length === 0 ? [] : await loadConsumers(missing)) {
    try {
      await plugin.check?.({ environment: senders.environment, version: VERSION })
    } catch (error) {
      if (!(error instanceof AgentError) || senders.byOption.includes(plugin.type)) throw error
      log('warn', `${plugin.type} is left out, which the environment asks for: ${error.message}`)
      unusable.push(plugin.type)
    }
  }
  return { ...senders, types: missing.filter((type) => !unusable.includes(type)) }
}

/** As the variables have it: one without a path is every signal's, and each has a path of its own below it. */
function withEndpoint(environment: Environment, endpoint: string): Environment {
  const isWhole = /^https?:\/\//i.test(endpoint)
  const url = URL.parse(isWhole ? endpoint : `http://${endpoint}`)
  if (url === null || url.hostname === '' || (!isWhole && endpoint.includes('://')))
    throw new UsageError(`--${ENDPOINT_OPTION}: expected a URL such as http://localhost:4318.`)
  const isBase = url.pathname === '/' && url.search === ''
  return {
    ...environment,
    OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT: isBase ? undefined : endpoint,
    ...(isBase ? { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } : {}),
  }
}

/** What builds them with their defaults. */
export async function senderBuilders({ types }: Senders): Promise<readonly ConsumerBuilder[]> {
  if (types.length === 0) return []
  return (await loadConsumers(types)).map((plugin) => plugin.configure({}, plugin.type))
}
