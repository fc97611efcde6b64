// The flags of Sonde's predecessor, a program in Go: what they are here. None is taken without effect, but for those that
// have none by their nature.

import type { LogLevel } from '../core/consumer-context.ts'
import { UsageError } from '../core/errors.ts'

type Successor =
  /** Options of that name have the same meaning. */
  | { readonly is: 'same' }
  | { readonly is: 'spelled'; readonly as: (value: string) => readonly string[] }
  /** What it asks for is so in any case, or makes no difference to what is sampled and where it goes. */
  | { readonly is: 'needless'; readonly because: string }
  /** But for values that ask for nothing. */
  | { readonly is: 'impossible'; readonly because: string; readonly unless?: readonly string[] }

interface PredecessorFlag {
  readonly name: string
  /** As Go reads it: a switch needs no value, and has one only behind `=`. */
  readonly form: 'switch' | 'value'
  readonly successor: Successor
}

const as =
  (option: string) =>
  (value: string): readonly string[] => [`--${option}=${value}`]
const spelled = (
  form: PredecessorFlag['form'],
  name: string,
  words: (value: string) => readonly string[],
): PredecessorFlag => ({
  name,
  form,
  successor: { is: 'spelled', as: words },
})
const same = (name: string): PredecessorFlag => ({ name, form: 'value', successor: { is: 'same' } })
const needless = (form: PredecessorFlag['form'], because: string, ...names: readonly string[]) =>
  names.map((name): PredecessorFlag => ({ name, form, successor: { is: 'needless', because } }))
/** A switch that is off asks for nothing. */
const noSwitch = (because: string, ...names: readonly string[]) =>
  names.map(
    (name): PredecessorFlag => ({
      name,
      form: 'switch',
      successor: { is: 'impossible', because, unless: ['false'] },
    }),
  )
const noValue = (because: string, unless: readonly string[], ...names: readonly string[]) =>
  names.map(
    (name): PredecessorFlag => ({ name, form: 'value', successor: { is: 'impossible', because, unless } }),
  )

const NO_METRICS_SERVER = 'Sonde serves no metrics yet; sonde status tells how it is doing'
const NO_INTAKE =
  'Sonde sends to no intake: --otlp-profiles-endpoint and --datadog-pprof say where profiles go'
const NO_REMOTE = 'Sonde’s configuration comes from files: --config, --config-fs-path'
const NO_INVENTORY = 'Sonde keeps no inventory of Kubernetes, hardware and containers'
const NO_DEBUG = 'Sonde has no debug consumer: --log-level debug, and the consumer files, show what it does'

export const PREDECESSOR_FLAGS: readonly PredecessorFlag[] = [
  same('config-fs-path'),
  same('data-directory'),
  same('otlp-profiles-endpoint'),
  ...noValue(`ams is not there. ${NO_REMOTE}`, ['fs'], 'config-loader'),
  ...noValue(NO_REMOTE, [], 'config-ams-addr', 'config-ams-api-key'),
  ...noSwitch(NO_REMOTE, 'config-ams-secure'),

  spelled('switch', 'enable-profiling-perfdata', as('perf-data')),
  spelled('value', 'profiling-perfdata-path', as('perf-data-directory')),
  spelled('value', 'profiling-interval', as('sampler-window')),
  spelled('switch', 'otlp-profiles-enabled', as('otlp-profiles')),
  spelled('switch', 'enable-profiling-otlp', as('otlp-profiles')),
  spelled('value', 'profiling-otlp-endpoint', (endpoint) =>
    endpoint.includes('://')
      ? [`--otlp-profiles-endpoint=${endpoint}`]
      : [`--otlp-profiles-endpoint=${endpoint}`, '--otlp-profiles-protocol=grpc'],
  ),
  spelled('switch', 'profiling-otlp-insecure', as('otlp-profiles-insecure')),
  // Profiles are exported when a window closes.
  spelled('value', 'otlp-profiles-export-interval', as('sampler-window')),
  spelled('value', 'otlp-profiles-export-timeout', as('otlp-profiles-timeout')),
  spelled('value', 'otlp-profiles-auth-token', (token) => [
    `--otlp-profiles-headers=authorization=${encodeURIComponent(`Bearer ${token}`)}`,
  ]),
  ...needless(
    'value',
    'what waits is bounded in bytes: --otlp-profiles-spool-max-bytes, --otlp-profiles-max-queue-bytes',
    'otlp-profiles-max-queue-size',
  ),
  ...needless(
    'value',
    'a window is sent at once, in messages of --otlp-profiles-max-message-bytes',
    'otlp-profiles-export-batch-size',
  ),
  spelled('switch', 'enable-profiling-datadog', as('datadog-pprof')),
  spelled('value', 'profiling-datadog-url', as('datadog-pprof-url')),
  spelled('value', 'profiling-datadog-agent', (agent) => [
    `--datadog-pprof-url=${agent.includes('://') ? agent : `http://${agent}`}`,
  ]),
  // Services are told apart here: it is what names none.
  spelled('value', 'profiling-datadog-service', as('service-name-default')),
  spelled('value', 'profiling-datadog-env', as('datadog-pprof-env')),
  spelled('value', 'profiling-datadog-version', as('datadog-pprof-version')),

  spelled('value', 'zap-log-level', (level) => [`--log-level=${logLevelOf(level)}`]),
  ...needless('switch', 'the log is text for people and JSON lines for machines', 'zap-devel'),
  ...needless(
    'value',
    'the log is text for people and JSON lines for machines',
    ...['zap-encoder', 'zap-stacktrace-level', 'zap-time-encoding'],
  ),
  ...needless('switch', 'every agent works for its own machine: there is nobody to elect', 'leader-elect'),
  ...needless('switch', 'Sonde has no server that it would be about', 'enable-http2', 'metrics-secure'),
  ...needless(
    'switch',
    'sampling needs no such switch; metrics of the kernel are not collected yet',
    'enable-performance-collectors',
  ),
  ...noSwitch('Sonde exports no metrics and logs yet; profiles: --otlp-profiles', 'enable-otel'),
  ...noValue(NO_METRICS_SERVER, ['0'], 'metrics-bind-address'),
  ...noValue(NO_METRICS_SERVER, [''], 'metrics-cert-dir', 'metrics-cert-name', 'metrics-key-name'),
  ...noValue(
    'Sonde serves no probes: let them be commands that run sonde status',
    ['0'],
    'health-probe-bind-address',
  ),
  ...noValue('Sonde serves no profiles of itself', ['0'], 'pprof-address'),
  ...noValue(NO_INTAKE, [], 'intake-address', 'intake-api-key', 'max-stream-age'),
  ...noSwitch(NO_INTAKE, 'intake-secure'),
  ...noSwitch(
    NO_INVENTORY,
    ...['enable-kubernetes-controller', 'enable-hardware-discovery', 'enable-container-discovery'],
    'kubernetes-provider-eks-autodiscover',
  ),
  ...noValue(
    NO_INVENTORY,
    [],
    ...['kubernetes-provider', 'kubernetes-provider-eks-account-id', 'kubernetes-provider-eks-region'],
    ...['kubernetes-provider-eks-cluster-name', 'hardware-update-interval', 'containers-update-interval'],
  ),
  ...noSwitch(NO_DEBUG, 'enable-debug-consumer'),
  ...noValue(NO_DEBUG, [], 'debug-log-level', 'debug-log-format'),
]

/** A number is how talkative; beyond errors there is panic. */
function logLevelOf(level: string): string {
  if (/^[1-9]\d*$/.test(level)) return 'debug'
  return { dpanic: 'error', panic: 'error', fatal: 'error', '0': 'info' }[level] ?? level
}

export interface Notice {
  readonly level: LogLevel
  readonly message: string
}

export interface Translation {
  readonly argv: readonly string[]
  /** What each of them is here, once. */
  readonly notices: readonly Notice[]
}

/**
 * Words in which the predecessor's flags are options of Sonde. As Go reads them: one dash or two, `--x=value` or `--x value`.
 * @param fields what the options say in a configuration, for the notices
 * @throws UsageError for one that cannot be honoured
 */
export function translated(
  argv: readonly string[],
  fields: ReadonlyMap<string, string> = new Map(),
): Translation {
  const words: string[] = []
  const notices: Notice[] = []
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length
  for (let index = 0; index < end; index++) {
    const word = argv[index] ?? ''
    const [, name, inline] = /^--?([a-z][a-z0-9-]+)(?:=(.*))?$/s.exec(word) ?? []
    const flag = PREDECESSOR_FLAGS.find((each) => each.name === name)
    if (flag === undefined || (flag.successor.is === 'same' && word.startsWith('--'))) {
      words.push(word)
      continue
    }
    const value = flag.form === 'switch' ? booleanOf(flag, inline ?? 'true') : (inline ?? argv[++index])
    if (value === undefined) throw new UsageError(`--${flag.name} needs a value: --${flag.name} VALUE.`)
    const { words: own, notice } = successorOf(flag, value, fields)
    words.push(...own)
    if (notice !== undefined) notices.push(notice)
  }
  return {
    argv: [...words, ...argv.slice(end)],
    notices: [...new Map(notices.map((each) => [each.message, each])).values()],
  }
}

/** For documentation: what each flag is here. */
export const predecessorWords = (): readonly (readonly [flag: string, here: string])[] =>
  PREDECESSOR_FLAGS.map(({ name, form, successor }) => {
    const flag = `--${name}${form === 'switch' ? '' : ' VALUE'}`
    switch (successor.is) {
      case 'same':
        return [flag, 'the same']
      case 'spelled':
        return [flag, optionsOf(successor.as(form === 'switch' ? 'true' : 'info'), form)]
      case 'needless':
        return [flag, `accepted, changes nothing: ${successor.because}`]
      case 'impossible': {
        const values = (successor.unless ?? []).map((value) => (value === '' ? 'an empty one' : value))
        return [
          flag,
          `an error${values.length === 0 ? '' : `, but for ${values.join(', ')}`}: ${successor.because}`,
        ]
      }
    }
  })

/** Without values: they may be secrets. */
const optionsOf = (words: readonly string[], form: PredecessorFlag['form']): string =>
  words.map((word) => (form === 'switch' ? word.replace(/=true$/, '') : word.replace(/=.*/s, ''))).join(' ')

interface Succession {
  readonly words: readonly string[]
  readonly notice?: Notice
}

function successorOf(
  { name, form, successor }: PredecessorFlag,
  value: string,
  fields: ReadonlyMap<string, string>,
): Succession {
  switch (successor.is) {
    case 'same':
      return { words: [`--${name}=${value}`] }
    case 'spelled': {
      const words = successor.as(value)
      const meant = words.flatMap((word) => fields.get(word.replace(/^--|=.*$/gs, '')) ?? [])
      const there = meant.length === 0 ? '' : ` (${meant.join(', ')})`
      const message = `--${name} is the predecessor's: here it is ${optionsOf(words, form)}${there}`
      return { words, notice: { level: 'info', message } }
    }
    case 'needless':
      return {
        words: [],
        notice: {
          level: 'warn',
          message: `--${name} is the predecessor's, and changes nothing: ${successor.because}`,
        },
      }
    case 'impossible': {
      if (successor.unless?.includes(value) !== true)
        throw new UsageError(`--${name}, the predecessor's, cannot be honoured: ${successor.because}.`)
      return {
        words: [],
        notice: {
          level: 'info',
          message: `--${name} is the predecessor's, and asks for what is so in any case`,
        },
      }
    }
  }
}

/** As Go's strconv.ParseBool. */
function booleanOf({ name }: PredecessorFlag, text: string): string {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return 'true'
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return 'false'
  throw new UsageError(`--${name}=${text}: expected true or false.`)
}
