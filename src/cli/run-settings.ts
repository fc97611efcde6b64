// What sonde run was asked for: by options, by variables, and by the flags of the predecessor.

import type { ConfigText } from '../config/config-file.ts'
import { type EffectiveConfig, effectiveConfig } from '../config/effective-config.ts'
import { filterDocument } from '../config/filter-config.ts'
import { type Added, printedConfig } from '../config/printed-config.ts'
import type { Said } from '../config/setting-values.ts'
import { type Setting, settingsOf } from '../config/settings.ts'
import type { Consumer } from '../core/consumer.ts'
import type { ConsumerContext } from '../core/consumer-context.ts'
import type { SampleFilter } from '../core/sample-filter.ts'
import type { Environment } from '../core/setting-facts.ts'
import { loadConsumers } from '../open-pipeline.ts'
import { checkEventName } from '../sampler/events/choose.ts'
import { FILTER_OPTIONS } from './filter-options.ts'
import { type Option, type ParsedOptions, parseOptions } from './options.ts'
import { type Notice, translated } from './predecessor-flags.ts'
import { type Senders, variableThatAsks } from './senders.ts'
import { optionOf, saidBy, variableOf, withVariables } from './setting-options.ts'
import { unknownVariables } from './unknown-variables.ts'

export type RunConfig = EffectiveConfig<Consumer, ConsumerContext>

export interface RunSettings {
  /** Of the command itself; where one is not given, what its variable says. */
  readonly options: ParsedOptions
  readonly settings: readonly Setting[]
  /** What options and variables say. */
  readonly said: readonly Said[]
  /** To be logged, once. */
  readonly notices: readonly Notice[]
  /** The document with what options and variables say. @throws AgentError, UsageError */
  configIn(source: ConfigText): RunConfig
}

export const catalogOf = async () => ({ consumers: await loadConsumers(), checkEvent: checkEventName })

/**
 * @param listed the options that the command's help shows; those of settings are beside them
 * @throws UsageError
 */
export async function readRunSettings(
  argv: readonly string[],
  listed: readonly Option[],
  environment: Environment,
): Promise<RunSettings> {
  const catalog = await catalogOf()
  const settings = settingsOf(catalog)
  const fields = new Map(settings.map(({ option, field }) => [option, field]))
  const { argv: words, notices } = translated(argv, fields)
  const ofSettings = settings.map(optionOf)
  const names = new Set(ofSettings.map(({ long }) => long))
  const parsed = parseOptions(words, [...ofSettings, ...listed.filter(({ long }) => !names.has(long))])
  const own = withVariablesOnly(listed, settings)
  const said = saidBy(settings, parsed, environment)
  const variables = [...settings.map(({ variable }) => variable), ...own.map(({ long }) => variableOf(long))]
  return {
    options: withVariables(parsed, own, environment),
    settings,
    said,
    notices: [
      ...notices,
      ...said.flatMap(visibleSecret),
      ...unknownVariables(environment, variables).map((message): Notice => ({ level: 'warn', message })),
    ],
    configIn: (source) => effectiveConfig({ source, catalog, settings, said, environment }),
  }
}

/** Options with a value that are no settings, and have a variable of their own. */
export const withVariablesOnly = (
  listed: readonly Option[],
  settings: readonly Setting[],
): readonly Option[] =>
  listed.filter(
    ({ long, value, multiple }) =>
      value !== undefined && multiple !== true && settings.every(({ option }) => option !== long),
  )

function visibleSecret({ setting, from, name }: Said): readonly Notice[] {
  if (setting.facts.secret !== true || from !== 'option') return []
  const instead = `${setting.variable}, or a file (docs/options.md)`
  return [{ level: 'warn', message: `${name}: whoever may list processes can read it; better is ${instead}` }]
}

export interface PrintRunRequest {
  readonly settings: RunSettings
  readonly config: RunConfig
  /** How its file is called; undefined: it is Sonde's own. */
  readonly file: string | undefined
  /** The directory that says what is sampled; undefined: there is none. */
  readonly directory: string | undefined
  /** Of the command line, beside that of the configuration. */
  readonly filter: SampleFilter
  readonly senders: Senders
  /** As for `readRunSettings`. */
  readonly listed: readonly Option[]
  /** What those come to that are not given. */
  readonly otherwise: Readonly<Record<string, string>>
}

/** What `--print-config` shows. */
export function printedRun(request: PrintRunRequest): string {
  const { settings: asked, config, file, filter, senders } = request
  const { overlay, environment } = config
  const { options, settings } = asked
  const askedBy = senders.types.map((type) => [type, variableThatAsks(type, environment) ?? ''] as const)
  const document = printedConfig({
    overlay,
    settings,
    environment,
    file,
    askedBy: new Map(askedBy),
    added: addedBy(filter, options),
  })
  return ['# sonde run --print-config', ...ownLines(request), document].join('\n')
}

/** What no document can say. */
function ownLines({ settings, directory, listed, otherwise }: PrintRunRequest): readonly string[] {
  const { options } = settings
  const lines = withVariablesOnly(listed, settings.settings).flatMap(({ long }) => {
    if (options.has(long)) return `# ${long}: ${options.value(long)}  # ${ownOrigin(options.nameOf(long))}`
    return otherwise[long] === undefined ? [] : `# ${long}: ${otherwise[long]}  # default`
  })
  if (directory === undefined) return lines
  return [...lines, `# What is sampled is said by the configurations in ${directory}, not by spec.sampler.`]
}

const ownOrigin = (name: string): string => `${name.startsWith('--') ? 'flag' : 'environment'} ${name}`

function addedBy(filter: SampleFilter, options: ParsedOptions): ReadonlyMap<string, Added> {
  const document = filterDocument(filter)
  const includes = FILTER_OPTIONS.map(({ long }) => long).filter(
    (long) => !['exclude', 'thin'].includes(long),
  )
  const optionsThat = { include: includes, exclude: ['exclude'], thin: ['thin'] }
  return new Map(
    (['include', 'exclude', 'thin'] as const)
      .filter((action) => document[action].length > 0)
      .map((action) => {
        const origin = optionsThat[action].filter((long) => options.has(long)).map((long) => `flag --${long}`)
        return [`spec.sampler.filter.${action}`, { values: document[action], origin: origin.join(', ') }]
      }),
  )
}
